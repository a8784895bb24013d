// Gradients of LayerNorm for gamma and beta, first of two stages: sums over
// chunks of rows.
//
//   partial[k, 0, c] = sum_r d_output[r, c] (input[r, c] - mean_r) rstd_r
//   partial[k, 1, c] = sum_r d_output[r, c]          r in chunk k
//
// input, d_output [rows, cols]; mean, rstd [rows]; partial [chunks, 2, cols].
// Lanes lie along columns; four columns an invocation share the loads of mean
// and rstd. Workgroup grid: [column blocks, chunks].

override WORKGROUP_SIZE: u32 = 8;

struct Params {
  rows: u32,
  cols: u32,
  chunk: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read> d_output: array<f32>;
@group(0) @binding(5) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = group.x * WORKGROUP_SIZE * 4u + lane;
  let columns = first + vec4u(0u, 1u, 2u, 3u) * WORKGROUP_SIZE;
  let c = min(columns, vec4u(params.cols - 1u));
  let end = min((group.y + 1u) * params.chunk, params.rows);
  var d_gamma = vec4f();
  var d_beta = vec4f();
  for (var r = group.y * params.chunk; r < end; r++) {
    let i = r * params.cols + c;
    let x = vec4f(input[i.x], input[i.y], input[i.z], input[i.w]);
    let d = vec4f(d_output[i.x], d_output[i.y], d_output[i.z], d_output[i.w]);
    d_gamma += d * (x - mean[r]) * rstd[r];
    d_beta += d;
  }
  let start = group.y * 2u * params.cols;
  for (var j = 0u; j < 4u; j++) {
    if (columns[j] < params.cols) {
      partial[start + columns[j]] = d_gamma[j];
      partial[start + params.cols + columns[j]] = d_beta[j];
    }
  }
}
