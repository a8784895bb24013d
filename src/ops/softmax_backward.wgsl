// Gradient of softmax.
//
//   d_input[r, c] = output[r, c] (d_output[r, c] - sum_k output[r, k] d_output[r, k])
//
// All [rows, cols]; output is the forward result.

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> output: array<f32>;
@group(0) @binding(2) var<storage, read> d_output: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_input: array<f32>;

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
  var inner = 0.0;
  for (var c = lane; c < params.cols; c += ROW_LANES) {
    inner += output[start + c] * d_output[start + c];
  }
  inner = row_sum(lane, inner);
  if (asked >= params.rows) {
    return;
  }
  for (var c = lane; c < params.cols; c += ROW_LANES) {
    d_input[start + c] = output[start + c] * (d_output[start + c] - inner);
  }
}
