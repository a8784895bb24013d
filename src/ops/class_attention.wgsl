// Attention weights of the class token, one row for each image and head.
//
//   weights[b, h, j] = softmax_j(q[b, 0, h] . k[b, j, h] / sqrt(head dim))
//
// qkv [batch * tokens, 3 dim]: queries, keys, values, each head-major; weights
// [batch * heads, tokens].

struct Params {
  rows: u32,
  tokens: u32,
  heads: u32,
  head_dim: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<Real>;
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let asked = row_of(group.y * groups.x + group.x, local);
  let row = min(asked, params.rows - 1u);
  let lane = lane_of(local);
  let tokens = params.tokens;
  let dim = params.heads * params.head_dim;
  let first = row / params.heads * tokens * 3u * dim + row % params.heads * params.head_dim;
  let start = row * tokens;

  var top = -3.4e38;
  for (var j = lane; j < tokens; j += ROW_LANES) {
    let key = first + j * 3u * dim + dim;
    var score = 0.0;
    for (var c = 0u; c < params.head_dim; c++) {
      score += f32(qkv[first + c]) * f32(qkv[key + c]);
    }
    score *= params.scale;
    // Only by the row's own lanes: another could still write when the row is finished.
    if (asked < params.rows) {
      weights[start + j] = score;
    }
    top = max(top, score);
  }
  top = row_max(lane, top);
  var total = 0.0;
  for (var j = lane; j < tokens; j += ROW_LANES) {
    total += exp(weights[start + j] - top);
  }
  total = row_sum(lane, total);
  if (asked >= params.rows) {
    return;
  }
  for (var j = lane; j < tokens; j += ROW_LANES) {
    weights[start + j] = exp(weights[start + j] - top) / total;
  }
}
