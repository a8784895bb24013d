// Gradients of LayerNorm for gamma and beta, first of two stages: sums over
// chunks of rows.
//
//   partial[k, 0, c] = sum_r d_output[r, c] (input[r, c] - mean_r) rstd_r
//   partial[k, 1, c] = sum_r d_output[r, c]          r in chunk k
//
// input, d_output [rows, cols]; mean, rstd [rows]; partial [chunks, 2, cols]. Columns
// are counted in Wide, lanes lie along them. Grid: [column blocks, chunks].

override WORKGROUP_SIZE: u32 = 8;

struct Params {
  rows: u32,
  cols: u32,
  chunk: u32,
  // Of input and d_output, see MatrixLayout.
  shift: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read_write> partial: array<Wide>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = group.x * WORKGROUP_SIZE + lane;
  if (c >= params.cols) {
    return;
  }
  let end = min((group.y + 1u) * params.chunk, params.rows);
  var d_gamma = Wide();
  var d_beta = Wide();
  for (var r = group.y * params.chunk; r < end; r++) {
    let at = row_start(r);
    let d = d_output_at(at, c);
    d_gamma += d * ((input_at(at, c) - row_mean_at(r)) * row_rstd_at(r));
    d_beta += d;
  }
  let start = group.y * 2u * params.cols + c;
  partial[start] = d_gamma;
  partial[start + params.cols] = d_beta;
}
