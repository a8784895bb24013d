// Up to four inputs in textures, which CPU adapters read several times faster than
// buffers; a kernel binds those that it reads and says which they are. Same names
// as inputs_arrays.wgsl.

@group(0) @binding(1) var first: texture_2d<f32>;
@group(0) @binding(2) var second: texture_2d<f32>;
@group(0) @binding(3) var third: texture_2d<f32>;
@group(0) @binding(4) var fourth: texture_2d<f32>;

fn first_at(i: u32) -> Wide {
  return texel(first, i);
}

fn second_at(i: u32) -> Wide {
  return texel(second, i);
}

fn third_at(i: u32) -> Wide {
  return texel(third, i);
}

fn fourth_at(i: u32) -> Wide {
  return texel(fourth, i);
}
