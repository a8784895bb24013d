// Operands of attention in textures, for the register form.

@group(0) @binding(1) var qkv: texture_2d<f32>;
@group(0) @binding(2) var grads: texture_2d<f32>;
@group(0) @binding(3) var outputs: texture_2d<f32>;

// Whether the head dimension is a multiple of 4.
override ALIGNED: bool = false;

fn inside(at: u32) -> vec4<bool> {
  return vec4u(at, at + 1, at + 2, at + 3) < vec4u(params.head_dim);
}

// Elements at .. at + 3 of a head's row that starts at `start`; 0 past its end.
fn qkv_quad(start: u32, at: u32) -> vec4f {
  if (ALIGNED) {
    return select(vec4f(), texel(qkv, (start + at) / 4), at < params.head_dim);
  }
  return select(vec4f(), texels(qkv, start + at), inside(at));
}

fn grad_quad(start: u32, at: u32) -> vec4f {
  if (ALIGNED) {
    return select(vec4f(), texel(grads, (start + at) / 4), at < params.head_dim);
  }
  return select(vec4f(), texels(grads, start + at), inside(at));
}

fn output_quad(start: u32, at: u32) -> vec4f {
  if (ALIGNED) {
    return select(vec4f(), texel(outputs, (start + at) / 4), at < params.head_dim);
  }
  return select(vec4f(), texels(outputs, start + at), inside(at));
}
