// One model's part in the prediction of several.
//
//   sum[r, c] (+)= share softmax(logits[r])_c            VOTE: share where c is the top class
//   LAST: sum[r, c] = log(max(sum[r, c], 1e-6))
//
// logits, sum [rows, cols]. Of equal logits the first one votes. The logarithm makes
// logits of the whole, which every loss with a teacher reads.

struct Params {
  rows: u32,
  cols: u32,
  share: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> sum: array<f32>;

override VOTE: bool = false;
override ACCUMULATE: bool = false;
override LAST: bool = false;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let cols = params.cols;
  let own = logit_row(group, groups, local);
  var total = 0.0;
  // Counted down, so that the largest is the first class.
  var first = -f32(cols);
  for (var c = own.lane; c < cols; c += ROW_LANES) {
    total += exp(logits[own.start + c] - own.top);
    if (logits[own.start + c] == own.top) {
      first = max(first, -f32(c));
    }
  }
  total = row_sum(own.lane, total);
  first = row_max(own.lane, first);
  if (!own.exists) {
    return;
  }
  for (var c = own.lane; c < cols; c += ROW_LANES) {
    var part = exp(logits[own.start + c] - own.top) / total;
    if (VOTE) {
      part = select(0.0, 1.0, f32(c) == -first);
    }
    var value = params.share * part;
    if (ACCUMULATE) {
      value += sum[own.start + c];
    }
    if (LAST) {
      value = log(max(value, 1e-6));
    }
    sum[own.start + c] = value;
  }
}
