// Gradient of the class token's attention map for its scores.
//
//   d_weight[j] = d_map[b, j - prefix] / (heads exp(map[b, j - prefix])), 0 before prefix
//   d_scores[b, h, j] = weights[b, h, j] (d_weight[j] - sum_k weights[b, h, k] d_weight[k])
//
// weights, d_scores [batch * heads, tokens]; map, d_map [batch, patches].

struct Params {
  rows: u32,
  tokens: u32,
  heads: u32,
  prefix: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> map: array<f32>;
@group(0) @binding(3) var<storage, read> d_map: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_scores: array<f32>;

fn d_weight(b: u32, j: u32) -> f32 {
  if (j < params.prefix) {
    return 0.0;
  }
  let at = b * (params.tokens - params.prefix) + j - params.prefix;
  return d_map[at] / (f32(params.heads) * exp(map[at]));
}

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let asked = row_of(group.y * groups.x + group.x, local);
  let row = min(asked, params.rows - 1u);
  let lane = lane_of(local);
  let b = row / params.heads;
  let start = row * params.tokens;
  var inner = 0.0;
  for (var j = lane; j < params.tokens; j += ROW_LANES) {
    inner += weights[start + j] * d_weight(b, j);
  }
  inner = row_sum(lane, inner);
  if (asked >= params.rows) {
    return;
  }
  for (var j = lane; j < params.tokens; j += ROW_LANES) {
    d_scores[start + j] = weights[start + j] * (d_weight(b, j) - inner);
  }
}
