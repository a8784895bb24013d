// Gradient of attention with respect to q, for GPUs: one query row an invocation,
// keys and values in tiles of workgroup memory.
//
//   p = exp(scale q k^T - log_sum_exp)       delta = d_output . output
//   d_q = scale sum_key p (d_output . v - delta) k
//
// delta is kept for the gradients of k and v.

@group(0) @binding(3) var<storage, read> outputs: array<f32>;
@group(0) @binding(4) var<storage, read> log_sum_exp: array<f32>;
@group(0) @binding(5) var<storage, read_write> stored: array<f32>;
@group(0) @binding(6) var<storage, read_write> delta: array<f32>;

const LANES: u32 = 64;
// Blocks of keys and of values in workgroup memory: 16 KiB together.
const TILE_BLOCKS: u32 = 128;

var<workgroup> k_tile: array<mat4x4f, TILE_BLOCKS>;
var<workgroup> v_tile: array<mat4x4f, TILE_BLOCKS>;

var<private> q: array<mat4x4f, MAX_BLOCKS>;
var<private> g: array<mat4x4f, MAX_BLOCKS>;
var<private> d: array<mat4x4f, MAX_BLOCKS>;

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
  let own_output = output_start(head, own);
  for (var c = 0u; c < BLOCKS; c++) {
    q[c] = params.scale * qkv_block(qkv_start(head, 0, own), c);
    g[c] = grad_block(own_output, c);
  }
  let statistic = log_sum_exp[head.statistics + own];
  let own_delta = delta_of(head, own);
  let tile_keys = TILE_BLOCKS / BLOCKS;
  for (var first = 0u; first <= last; first += tile_keys) {
    workgroupBarrier();
    for (var i = lane; i < tile_keys * BLOCKS; i += LANES) {
      let key = min(first + i / BLOCKS, last);
      k_tile[i] = qkv_block(qkv_start(head, 1, key), i % BLOCKS);
      v_tile[i] = qkv_block(qkv_start(head, 2, key), i % BLOCKS);
    }
    workgroupBarrier();
    let keys = min(tile_keys, params.tokens - first);
    for (var key = 0u; key < keys; key++) {
      var score = 0.0;
      var dp = 0.0;
      for (var c = 0u; c < BLOCKS; c++) {
        score += product(q[c], k_tile[key * BLOCKS + c]);
        dp += product(g[c], v_tile[key * BLOCKS + c]);
      }
      let ds = exp(score - statistic) * (dp - own_delta) * params.scale;
      for (var c = 0u; c < BLOCKS; c++) {
        d[c] = add_scaled(d[c], ds, k_tile[key * BLOCKS + c]);
      }
    }
  }
  if (head.exists && token < params.tokens) {
    for (var c = 0u; c < BLOCKS; c++) {
      store_block(qkv_start(head, 0, token), c, d[c]);
    }
    delta[head.statistics + token] = own_delta;
  }
}
