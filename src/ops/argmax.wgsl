// Predicted class and its probability.
//
//   label[r]      = the first c with the largest logits[r, c]
//   confidence[r] = softmax(logits[r])[label[r]] = 1 / sum_c exp(logits[r, c] - max_r)
//
// logits [rows, cols]; labels u32 [rows]; confidence [rows]. Column numbers pass
// through f32 in the reduction: exact up to 2^24 columns.

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> confidence: array<f32>;

override HAS_CONFIDENCE: bool = false;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let asked = row_of(group.y * groups.x + group.x, local);
  let row = min(asked, params.rows - 1u);
  let lane = lane_of(local);
  let cols = params.cols;
  let start = row * cols;

  var top = -3.4e38;
  for (var c = lane; c < cols; c += ROW_LANES) {
    top = max(top, logits[start + c]);
  }
  top = row_max(lane, top);
  // The smallest index by the largest negative: one reduction serves both.
  var first = -f32(cols - 1u);
  for (var c = lane; c < cols; c += ROW_LANES) {
    if (logits[start + c] == top) {
      first = max(first, -f32(c));
    }
  }
  first = row_max(lane, first);
  var total = 0.0;
  if (HAS_CONFIDENCE) {
    for (var c = lane; c < cols; c += ROW_LANES) {
      total += exp(logits[start + c] - top);
    }
    total = row_sum(lane, total);
  }
  if (asked < params.rows && lane == 0u) {
    labels[row] = u32(-first);
    if (HAS_CONFIDENCE) {
      confidence[row] = 1.0 / total;
    }
  }
}
