// Up to four inputs in storage textures, which CPU adapters read several times faster
// than buffers; a kernel binds those that it reads and says which they are.
// FirstTexels to FourthTexels are RealTexels or, where an input is f32 whatever the
// activations are, FloatTexels. Same names as inputs_arrays.wgsl.

@group(0) @binding(1) var first: FirstTexels;
@group(0) @binding(2) var second: SecondTexels;
@group(0) @binding(3) var third: ThirdTexels;
@group(0) @binding(4) var fourth: FourthTexels;

fn first_at(i: u32) -> Wide {
  return textureLoad(first, texel_place(i));
}

fn second_at(i: u32) -> Wide {
  return textureLoad(second, texel_place(i));
}

fn third_at(i: u32) -> Wide {
  return textureLoad(third, texel_place(i));
}

fn fourth_at(i: u32) -> Wide {
  return textureLoad(fourth, texel_place(i));
}
