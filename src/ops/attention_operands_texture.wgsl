// Operands of attention in textures, for the register form; quad_of() is in attention_quads_*.wgsl.

@group(0) @binding(1) var qkv: RealTexels;
@group(0) @binding(2) var grads: RealTexels;
@group(0) @binding(3) var outputs: RealTexels;

fn texel(source: RealTexels, i: u32) -> vec4f {
  return textureLoad(source, texel_place(i));
}

fn qkv_quad(start: u32, at: u32) -> vec4f {
  return quad_of(qkv, start, at);
}

fn grad_quad(start: u32, at: u32) -> vec4f {
  return quad_of(grads, start, at);
}

fn output_quad(start: u32, at: u32) -> vec4f {
  return quad_of(outputs, start, at);
}
