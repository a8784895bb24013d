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
  let cols = params.cols;
  let own = logit_row(group, groups, local);
  // The smallest index by the largest negative: one reduction serves both.
  var first = -f32(cols - 1u);
  for (var c = own.lane; c < cols; c += ROW_LANES) {
    if (logits[own.start + c] == own.top) {
      first = max(first, -f32(c));
    }
  }
  first = row_max(own.lane, first);
  var total = 0.0;
  if (HAS_CONFIDENCE) {
    for (var c = own.lane; c < cols; c += ROW_LANES) {
      total += exp(logits[own.start + c] - own.top);
    }
    total = row_sum(own.lane, total);
  }
  if (own.exists && own.lane == 0u) {
    labels[own.row] = u32(-first);
    if (HAS_CONFIDENCE) {
      confidence[own.row] = 1.0 / total;
    }
  }
}
