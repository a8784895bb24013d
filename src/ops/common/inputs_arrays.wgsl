// Up to four inputs in buffers, in Wide units; a kernel binds those that it reads and
// says which they are. First to Fourth are Stored or, where an input is f32 whatever
// the activations are, Wide. Same names as inputs_texels.wgsl.

@group(0) @binding(1) var<storage, read> first: array<First>;
@group(0) @binding(2) var<storage, read> second: array<Second>;
@group(0) @binding(3) var<storage, read> third: array<Third>;
@group(0) @binding(4) var<storage, read> fourth: array<Fourth>;

fn first_at(i: u32) -> Wide {
  return Wide(first[i]);
}

fn second_at(i: u32) -> Wide {
  return Wide(second[i]);
}

fn third_at(i: u32) -> Wide {
  return Wide(third[i]);
}

fn fourth_at(i: u32) -> Wide {
  return Wide(fourth[i]);
}
