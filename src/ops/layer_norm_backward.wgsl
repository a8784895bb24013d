// Gradient of LayerNorm for its input.
//
//   x = (input - mean_r) rstd_r      g = d_output gamma
//   d_input = rstd_r (g - mean_c(g) - x mean_c(g x)) [+ residual]
//
// input, d_output, residual, d_input [rows, cols]; mean, rstd [rows]. Columns are
// counted in Wide.

override RESIDUAL: bool = false;

struct Params {
  rows: u32,
  cols: u32,
  // Of input, d_output and residual, see MatrixLayout.
  shift: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read> mean: array<f32>;
@group(0) @binding(6) var<storage, read> rstd: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_input: array<Stored>;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let asked = row_of(group.y * groups.x + group.x, local);
  let row = min(asked, params.rows - 1u);
  let lane = lane_of(local);
  let start = row * params.cols;
  let at = row_start(row);
  let row_mean = mean[row];
  let row_rstd = rstd[row];

  var sums = Wide();
  var products = Wide();
  for (var c = lane; c < params.cols; c += ROW_LANES) {
    let g = d_output_at(at, c) * gamma_at(c);
    sums += g;
    products += g * (input_at(at, c) - row_mean);
  }
  let sum = row_sum(lane, wide_sum(sums)) / f32(params.cols * WIDTH);
  let weighted = row_sum(lane, wide_sum(products)) * row_rstd / f32(params.cols * WIDTH);
  if (asked >= params.rows) {
    return;
  }
  for (var c = lane; c < params.cols; c += ROW_LANES) {
    let x = (input_at(at, c) - row_mean) * row_rstd;
    var d = row_rstd * (d_output_at(at, c) * gamma_at(c) - sum - x * weighted);
    if (RESIDUAL) {
      d += residual_at(at, c);
    }
    d_input[start + c] = Stored(d);
  }
}
