// Gradients of LayerNorm for gamma and beta, second stage: the sum over chunks.
//
//   d_gamma[c] = sum_k partial[k, 0, c]      d_beta[c] = sum_k partial[k, 1, c]
//
// partial [chunks, 2, cols].

struct Params {
  chunks: u32,
  cols: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_gamma: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_beta: array<f32>;

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if (c >= params.cols) {
    return;
  }
  var gamma_sum = 0.0;
  var beta_sum = 0.0;
  for (var k = 0u; k < params.chunks; k++) {
    let start = k * 2u * params.cols + c;
    gamma_sum += partial[start];
    beta_sum += partial[start + params.cols];
  }
  d_gamma[c] = gamma_sum;
  d_beta[c] = beta_sum;
}
