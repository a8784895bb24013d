// Softmax over the columns of each row.
//
//   output[r, c] = exp(logits[r, c] - max_r) / sum_c exp(logits[r, c] - max_r)
//
// logits, output [rows, cols]. The row maximum is subtracted first, so scores in
// the hundreds stay finite.

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let own = logit_row(group, groups, local);
  var total = 0.0;
  for (var c = own.lane; c < params.cols; c += ROW_LANES) {
    total += exp(logits[own.start + c] - own.top);
  }
  total = row_sum(own.lane, total);
  if (!own.exists) {
    return;
  }
  for (var c = own.lane; c < params.cols; c += ROW_LANES) {
    output[own.start + c] = exp(logits[own.start + c] - own.top) / total;
  }
}
