// Cross-entropy of class labels with label smoothing; loss, gradient and hit in one pass.
//
//   t = (1 - smoothing) onehot(label) + smoothing / cols     q = softmax(logits)
//   loss[r]         = -w_r sum_c t_c log q_c
//   d_logits[r, c] (+)= scale w_r (q_c - t_c)
//   correct[r]      = 1 if w_r != 0 and the first largest logit is the label, else 0;
//                     0 where a logit is not finite
//
// logits, d_logits [rows, cols]; labels, row_weights, loss, correct [rows]. A label
// >= cols counts as weight 0; rows of weight 0 give exact zeros whatever their logits.

struct Params {
  rows: u32,
  cols: u32,
  smoothing: f32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> row_weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> correct: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_logits: array<f32>;

override HAS_CORRECT: bool = false;
override HAS_GRADIENT: bool = false;
override ACCUMULATE: bool = false;

const EXPONENT: u32 = 0x7f800000u;

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
  let label = labels[row];
  let known = min(label, cols - 1u);
  let weight = select(0.0, row_weights[row], label < cols);

  let at_label = logits[start + known];
  var top = -3.4e38;
  // 1 if a logit beats the label's, ties going to the smaller index.
  var beaten = 0.0;
  for (var c = lane; c < cols; c += ROW_LANES) {
    let z = logits[start + c];
    top = max(top, z);
    if (z > at_label || (z == at_label && c < known)) {
      beaten = 1.0;
    }
  }
  top = row_max(lane, top);
  beaten = row_max(lane, beaten);
  var total = 0.0;
  var shifted = 0.0;
  for (var c = lane; c < cols; c += ROW_LANES) {
    let z = logits[start + c] - top;
    total += exp(z);
    shifted += z;
  }
  total = row_sum(lane, total);
  shifted = row_sum(lane, shifted);
  if (asked >= params.rows) {
    return;
  }

  let uniform_share = params.smoothing / f32(cols);
  if (lane == 0u) {
    let target_score = (1.0 - params.smoothing) * (at_label - top) + uniform_share * shifted;
    loss[row] = select(weight * (log(total) - target_score), 0.0, weight == 0.0);
    if (HAS_CORRECT) {
      // By its bits, see reduce_rows.wgsl: nothing compares as larger than a NaN.
      let finite = (bitcast<u32>(total) & EXPONENT) != EXPONENT;
      correct[row] = select(0.0, 1.0 - beaten, finite && weight != 0.0);
    }
  }
  if (HAS_GRADIENT) {
    let factor = params.scale * weight;
    for (var c = lane; c < cols; c += ROW_LANES) {
      let q = exp(logits[start + c] - top) / total;
      let t = uniform_share + select(0.0, 1.0 - params.smoothing, c == known);
      var gradient = select(factor * (q - t), 0.0, weight == 0.0);
      if (ACCUMULATE) {
        gradient += d_logits[start + c];
      }
      d_logits[start + c] = gradient;
    }
  }
}
