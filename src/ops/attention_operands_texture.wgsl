// Operands of attention in textures, for the register form.

@group(0) @binding(1) var qkv: RealTexels;
@group(0) @binding(2) var grads: RealTexels;
@group(0) @binding(3) var outputs: RealTexels;

// Whether the head dimension is 16, 32, 64 or 128: then all of a head's row is in one
// row of the texture and fills its blocks.
override WHOLE: bool = false;

fn texel(source: RealTexels, i: u32) -> vec4f {
  return textureLoad(source, vec2u(i % TEXTURE_WIDTH, i / TEXTURE_WIDTH));
}

// Elements at .. at + 3 of a head's row that starts at `start`; 0 past its end.
fn quad_of(source: RealTexels, start: u32, at: u32) -> vec4f {
  if (WHOLE) {
    let first = start / 4;
    return textureLoad(source, vec2u(first % TEXTURE_WIDTH + at / 4, first / TEXTURE_WIDTH));
  }
  if (ALIGNED) {
    return select(vec4f(), texel(source, (start + at) / 4), at < params.head_dim);
  }
  let i = start + at;
  let quad = joined(texel(source, i / 4), texel(source, i / 4 + 1), i % 4);
  let inside = vec4u(at, at + 1, at + 2, at + 3) < vec4u(params.head_dim);
  return select(vec4f(), quad, inside);
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
