// LayerNorm over the columns of each row, with the biased variance.
//
//   output[r, c] = (input[r, c] - mean_r) rstd_r gamma_at(c) + beta_at(c)
//   rstd_r = 1 / sqrt(variance_r + epsilon)
//
// input, output [rows, cols]; mean, rstd [rows]. The variance is taken of the
// differences to the mean (a sum of squares loses all digits where the mean is
// large); their own sum, 0 but for rounding, corrects both. Columns are counted in Wide.

struct Params {
  rows: u32,
  cols: u32,
  // Of input, see MatrixLayout.
  shift: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read_write> output: array<Stored>;
@group(0) @binding(5) var<storage, read_write> mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> rstd: array<f32>;

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
  let count = f32(params.cols * WIDTH);

  var sum = Wide();
  for (var c = lane; c < params.cols; c += ROW_LANES) {
    sum += input_at(at, c);
  }
  let first_mean = row_sum(lane, wide_sum(sum)) / count;

  var rests = Wide();
  var squares = Wide();
  for (var c = lane; c < params.cols; c += ROW_LANES) {
    let difference = input_at(at, c) - first_mean;
    rests += difference;
    squares += difference * difference;
  }
  let rest = row_sum(lane, wide_sum(rests)) / count;
  let variance = max(row_sum(lane, wide_sum(squares)) / count - rest * rest, 0.0);
  let row_rstd = 1.0 / sqrt(variance + params.epsilon);
  if (asked >= params.rows) {
    return;
  }
  for (var c = lane; c < params.cols; c += ROW_LANES) {
    // Two differences: the sum first_mean + rest would round `rest` away.
    let centred = (input_at(at, c) - first_mean) - rest;
    output[start + c] = Stored(centred * row_rstd * gamma_at(c) + beta_at(c));
  }
  if (lane == 0u) {
    mean[row] = first_mean + rest;
    rstd[row] = row_rstd;
  }
}
