// Operands of attention in textures, for the register form.

@group(0) @binding(1) var qkv: texture_2d<f32>;
@group(0) @binding(2) var grads: texture_2d<f32>;
@group(0) @binding(3) var outputs: texture_2d<f32>;

// Elements at .. at + 3 of a head's row that starts at `start`; 0 past its end.
fn quad_of(source: texture_2d<f32>, start: u32, at: u32) -> vec4f {
  if (ALIGNED) {
    return select(vec4f(), texel(source, (start + at) / 4), at < params.head_dim);
  }
  let inside = vec4u(at, at + 1, at + 2, at + 3) < vec4u(params.head_dim);
  return select(vec4f(), texels(source, start + at), inside);
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
