// Adds the gradient of the class token's scores to that of queries and keys.
//
//   d_k[b, j, h] += scale d_scores[b, h, j] q[b, 0, h]
//   d_q[b, 0, h] += scale sum_j d_scores[b, h, j] k[b, j, h]
//
// d_scores [batch * heads, tokens]; qkv, d_qkv [batch * tokens, 3 dim]. One invocation
// for each key element, and for each query element of the class token after them.

struct Params {
  batch: u32,
  tokens: u32,
  heads: u32,
  head_dim: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_scores: array<f32>;
@group(0) @binding(2) var<storage, read> qkv: array<Real>;
@group(0) @binding(3) var<storage, read_write> d_qkv: array<Real>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  let tokens = params.tokens;
  let dim = params.heads * params.head_dim;
  if (i >= params.batch * (tokens + 1u) * dim) {
    return;
  }
  let c = i % dim;
  let b = i / dim / (tokens + 1u);
  let j = i / dim % (tokens + 1u);
  let image = b * tokens * 3u * dim + c;
  let scores = (b * params.heads + c / params.head_dim) * tokens;
  if (j < tokens) {
    let at = image + j * 3u * dim + dim;
    let gradient = params.scale * d_scores[scores + j] * f32(qkv[image]);
    d_qkv[at] = Real(f32(d_qkv[at]) + gradient);
    return;
  }
  var sum = 0.0;
  for (var n = 0u; n < tokens; n++) {
    sum += d_scores[scores + n] * f32(qkv[image + n * 3u * dim + dim]);
  }
  d_qkv[image] = Real(f32(d_qkv[image]) + params.scale * sum);
}
