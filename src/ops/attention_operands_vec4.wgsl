// Operands of attention where the head dimension is a multiple of 4, for the tiled form.

@group(0) @binding(1) var<storage, read> qkv: array<Real4>;
@group(0) @binding(2) var<storage, read> grads: array<Real4>;
@group(0) @binding(3) var<storage, read> outputs: array<Real4>;

// Elements at .. at + 3 of a head's row that starts at `start`; 0 past its end.
fn qkv_quad(start: u32, at: u32) -> vec4f {
  return select(vec4f(), vec4f(qkv[(start + at) / 4]), at < params.head_dim);
}

fn grad_quad(start: u32, at: u32) -> vec4f {
  return select(vec4f(), vec4f(grads[(start + at) / 4]), at < params.head_dim);
}

fn output_quad(start: u32, at: u32) -> vec4f {
  return select(vec4f(), vec4f(outputs[(start + at) / 4]), at < params.head_dim);
}
