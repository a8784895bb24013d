// Attention for GPUs: one query row an invocation, keys and values in tiles of
// workgroup memory.
//
//   output = softmax(scale q k^T) v          log_sum_exp = log sum exp(scale q k^T)
//
// The softmax is online: when a score exceeds the maximum so far, what was
// summed before is scaled down.

@group(0) @binding(2) var<storage, read_write> stored: array<f32>;
@group(0) @binding(3) var<storage, read_write> log_sum_exp: array<f32>;

const LANES: u32 = 64;
// Blocks of keys and of values in workgroup memory: 16 KiB together.
const TILE_BLOCKS: u32 = 128;

var<workgroup> k_tile: array<mat4x4f, TILE_BLOCKS>;
var<workgroup> v_tile: array<mat4x4f, TILE_BLOCKS>;

var<private> q: array<mat4x4f, MAX_BLOCKS>;
var<private> o: array<mat4x4f, MAX_BLOCKS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let head = head_of(group.y * groups.x + group.x, LANES);
  let last = params.tokens - 1;
  let token = head.token + lane;
  for (var c = 0u; c < BLOCKS; c++) {
    q[c] = params.scale * qkv_block(qkv_start(head, 0, min(token, last)), c);
  }
  let tile_keys = TILE_BLOCKS / BLOCKS;
  var top = -3.0e38;
  var sum = 0.0;
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
      for (var c = 0u; c < BLOCKS; c++) {
        score += product(q[c], k_tile[key * BLOCKS + c]);
      }
      let next = max(top, score);
      let keep = exp(top - next);
      let p = exp(score - next);
      top = next;
      sum = sum * keep + p;
      for (var c = 0u; c < BLOCKS; c++) {
        o[c] = add_scaled(keep * o[c], p, v_tile[key * BLOCKS + c]);
      }
    }
  }
  if (head.exists && token < params.tokens) {
    for (var c = 0u; c < BLOCKS; c++) {
      store_block(output_start(head, token), c, 1.0 / sum * o[c]);
    }
    log_sum_exp[head.statistics + token] = top + log(sum);
  }
}
