// Loss that is linear in the predicted probabilities, with factors from the host: the
// gradient of any loss on their mean over a batch.
//
//   p = softmax(logits)      m_r = sum_c factor_c p_c
//   loss[r]           = w_r m_r
//   d_logits[r, c] (+)= scale w_r p_c (factor_c - m_r)
//
// logits, d_logits [rows, cols]; factors [cols]; row_weights, loss [rows]. Rows of weight
// 0 give exact zeros.

struct Params {
  rows: u32,
  cols: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(3) var<storage, read> row_weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_logits: array<f32>;

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
    let e = exp(logits[own.start + c] - own.top);
    total += e;
    score += e * factors[c];
  }
  total = row_sum(own.lane, total);
  score = row_sum(own.lane, score);
  if (!own.exists) {
    return;
  }

  let mean = score / total;
  if (own.lane == 0u) {
    loss[own.row] = select(weight * mean, 0.0, weight == 0.0);
  }
  let factor = params.scale * weight;
  for (var c = own.lane; c < cols; c += ROW_LANES) {
    let p = exp(logits[own.start + c] - own.top) / total;
    var gradient = select(factor * p * (factors[c] - mean), 0.0, weight == 0.0);
    if (ACCUMULATE) {
      gradient += d_logits[own.start + c];
    }
    d_logits[own.start + c] = gradient;
  }
}
