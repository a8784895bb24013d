// Gradients of attention with respect to k and v, for GPUs: one key an invocation,
// queries and output gradients in tiles of workgroup memory.
//
//   p = exp(scale q k^T - log_sum_exp)
//   d_v = sum_query p d_output
//   d_k = scale sum_query p (d_output . v - delta) q

@group(0) @binding(3) var<storage, read> log_sum_exp: array<f32>;
@group(0) @binding(4) var<storage, read> delta: array<f32>;
@group(0) @binding(5) var<storage, read_write> stored: array<f32>;

const LANES: u32 = 64;
// Blocks of queries and of gradients in workgroup memory: 16 KiB together.
const TILE_BLOCKS: u32 = 128;

var<workgroup> q_tile: array<mat4x4f, TILE_BLOCKS>;
var<workgroup> g_tile: array<mat4x4f, TILE_BLOCKS>;

var<private> k: array<mat4x4f, MAX_BLOCKS>;
var<private> v: array<mat4x4f, MAX_BLOCKS>;
var<private> dk: array<mat4x4f, MAX_BLOCKS>;
var<private> dv: array<mat4x4f, MAX_BLOCKS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let head = head_of(group.y * groups.x + group.x, LANES);
  let last = params.tokens - 1;
  let token = head.token + lane;
  let own = min(token, last);
  for (var c = 0u; c < BLOCKS; c++) {
    k[c] = params.scale * qkv_block(qkv_start(head, 1, own), c);
    v[c] = qkv_block(qkv_start(head, 2, own), c);
  }
  let tile_queries = TILE_BLOCKS / BLOCKS;
  for (var first = 0u; first <= last; first += tile_queries) {
    workgroupBarrier();
    for (var i = lane; i < tile_queries * BLOCKS; i += LANES) {
      let query = min(first + i / BLOCKS, last);
      q_tile[i] = qkv_block(qkv_start(head, 0, query), i % BLOCKS);
      g_tile[i] = grad_block(output_start(head, query), i % BLOCKS);
    }
    workgroupBarrier();
    let queries = min(tile_queries, params.tokens - first);
    for (var query = 0u; query < queries; query++) {
      var score = 0.0;
      var dp = 0.0;
      for (var c = 0u; c < BLOCKS; c++) {
        score += product(k[c], q_tile[query * BLOCKS + c]);
        dp += product(v[c], g_tile[query * BLOCKS + c]);
      }
      let at = head.statistics + first + query;
      let p = exp(score - log_sum_exp[at]);
      let ds = p * (dp - delta[at]) * params.scale;
      for (var c = 0u; c < BLOCKS; c++) {
        dk[c] = add_scaled(dk[c], ds, q_tile[query * BLOCKS + c]);
        dv[c] = add_scaled(dv[c], p, g_tile[query * BLOCKS + c]);
      }
    }
  }
  if (head.exists && token < params.tokens) {
    for (var c = 0u; c < BLOCKS; c++) {
      store_block(qkv_start(head, 1, token), c, dk[c]);
      store_block(qkv_start(head, 2, token), c, dv[c]);
    }
  }
}
