// What the epilogue reads, in buffers, for the tiled form.

@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read> pre: array<f32>;

fn bias_quad(i: u32) -> vec4f {
  return vec4f(bias[i], bias[i + 1], bias[i + 2], bias[i + 3]);
}

fn residual_quad(i: u32) -> vec4f {
  return vec4f(residual[i], residual[i + 1], residual[i + 2], residual[i + 3]);
}

fn pre_quad(i: u32) -> vec4f {
  return vec4f(pre[i], pre[i + 1], pre[i + 2], pre[i + 3]);
}
