// Entropy of the predicted distribution.
//
//   p = softmax(logits)      H = -sum_c p_c log p_c
//   loss[r]          = w_r H
//   d_logits[r, c] (+)= -scale w_r p_c (log p_c + H)
//
// logits, d_logits [rows, cols]; row_weights, loss [rows]. Rows of weight 0 give exact
// zeros.

struct Params {
  rows: u32,
  cols: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> row_weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_logits: array<f32>;

override HAS_GRADIENT: bool = false;
override ACCUMULATE: bool = false;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let cols = params.cols;
  let own = logit_row(group, groups, local);
  let weight = row_weights[own.row];
  var total = 0.0;
  var score = 0.0;
  for (var c = own.lane; c < cols; c += ROW_LANES) {
    let z = logits[own.start + c] - own.top;
    total += exp(z);
    score += exp(z) * z;
  }
  total = row_sum(own.lane, total);
  score = row_sum(own.lane, score);
  if (!own.exists) {
    return;
  }

  // log p_c = z_c - log total, so H = log total - sum_c p_c z_c.
  let log_total = log(total);
  let entropy = log_total - score / total;
  if (own.lane == 0u) {
    loss[own.row] = select(weight * entropy, 0.0, weight == 0.0);
  }
  if (HAS_GRADIENT) {
    let factor = params.scale * weight;
    for (var c = own.lane; c < cols; c += ROW_LANES) {
      let z = logits[own.start + c] - own.top;
      let p = exp(z) / total;
      var gradient = select(-factor * p * (z - log_total + entropy), 0.0, weight == 0.0);
      if (ACCUMULATE) {
        gradient += d_logits[own.start + c];
      }
      d_logits[own.start + c] = gradient;
    }
  }
}
