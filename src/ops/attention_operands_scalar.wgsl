// Operands of attention with any head dimension, for the tiled form.

@group(0) @binding(1) var<storage, read> qkv: array<Real>;
@group(0) @binding(2) var<storage, read> grads: array<Real>;
@group(0) @binding(3) var<storage, read> outputs: array<Real>;

fn inside(at: u32, quad: vec4<Real>) -> vec4f {
  let kept = vec4u(at, at + 1, at + 2, at + 3) < vec4u(params.head_dim);
  return select(vec4f(), vec4f(quad), kept);
}

// Elements at .. at + 3 of a head's row that starts at `start`; 0 past its end.
fn qkv_quad(start: u32, at: u32) -> vec4f {
  let i = start + at;
  return inside(at, vec4(qkv[i], qkv[i + 1], qkv[i + 2], qkv[i + 3]));
}

fn grad_quad(start: u32, at: u32) -> vec4f {
  let i = start + at;
  return inside(at, vec4(grads[i], grads[i + 1], grads[i + 2], grads[i + 3]));
}

fn output_quad(start: u32, at: u32) -> vec4f {
  let i = start + at;
  return inside(at, vec4(outputs[i], outputs[i + 1], outputs[i + 2], outputs[i + 3]));
}
