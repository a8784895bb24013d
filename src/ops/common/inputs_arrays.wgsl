// Up to four inputs in buffers, in Wide units; a kernel binds those that it reads and
// says which they are. Same names as inputs_texels.wgsl.

@group(0) @binding(1) var<storage, read> first: array<Wide>;
@group(0) @binding(2) var<storage, read> second: array<Wide>;
@group(0) @binding(3) var<storage, read> third: array<Wide>;
@group(0) @binding(4) var<storage, read> fourth: array<Wide>;

fn first_at(i: u32) -> Wide {
  return first[i];
}

fn second_at(i: u32) -> Wide {
  return second[i];
}

fn third_at(i: u32) -> Wide {
  return third[i];
}

fn fourth_at(i: u32) -> Wide {
  return fourth[i];
}
