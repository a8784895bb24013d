// Softmax over the columns of each row.
//
//   output[r, c] = exp(input[r, c] - max_r) / sum_c exp(input[r, c] - max_r)
//
// input, output [rows, cols]. The row maximum is subtracted first, so scores in
// the hundreds stay finite.

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

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
  var top = -3.4e38;
  for (var c = lane; c < params.cols; c += ROW_LANES) {
    top = max(top, input[start + c]);
  }
  top = row_max(lane, top);
  var total = 0.0;
  for (var c = lane; c < params.cols; c += ROW_LANES) {
    total += exp(input[start + c] - top);
  }
  total = row_sum(lane, total);
  if (asked >= params.rows) {
    return;
  }
  for (var c = lane; c < params.cols; c += ROW_LANES) {
    output[start + c] = exp(input[start + c] - top) / total;
  }
}
