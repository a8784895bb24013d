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
  let own = min(token, last);
  load_row(qkv_start(head, 0, own));
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
      let score = score_of(key * BLOCKS);
      let next = max(top, score);
      let keep = exp(top - next);
      let p = exp(score - next);
      top = next;
      sum = sum * keep + p;
      add_value(key * BLOCKS, keep, p);
    }
  }
  if (head.exists && token < params.tokens) {
    log_sum_exp[head.statistics + token] = top + log(sum);
    store_row(output_start(head, token), 1.0 / sum);
  }
}

// Blocks are unrolled by hand, here and below: an array that a variable indexes
// does not stay in registers.
fn load_row(start: u32) {
  q[0] = params.scale * qkv_block(start, 0);
  if (BLOCKS > 1) {
    q[1] = params.scale * qkv_block(start, 1);
  }
  if (BLOCKS > 2) {
    q[2] = params.scale * qkv_block(start, 2);
    q[3] = params.scale * qkv_block(start, 3);
  }
  if (BLOCKS > 4) {
    q[4] = params.scale * qkv_block(start, 4);
    q[5] = params.scale * qkv_block(start, 5);
    q[6] = params.scale * qkv_block(start, 6);
    q[7] = params.scale * qkv_block(start, 7);
  }
}

fn score_of(at: u32) -> f32 {
  var sum = 0.0;
  sum += product(q[0], k_tile[at + 0]);
  if (BLOCKS > 1) {
    sum += product(q[1], k_tile[at + 1]);
  }
  if (BLOCKS > 2) {
    sum += product(q[2], k_tile[at + 2]);
    sum += product(q[3], k_tile[at + 3]);
  }
  if (BLOCKS > 4) {
    sum += product(q[4], k_tile[at + 4]);
    sum += product(q[5], k_tile[at + 5]);
    sum += product(q[6], k_tile[at + 6]);
    sum += product(q[7], k_tile[at + 7]);
  }
  return sum;
}

fn add_value(at: u32, keep: f32, p: f32) {
  o[0] = add_scaled(keep * o[0], p, v_tile[at + 0]);
  if (BLOCKS > 1) {
    o[1] = add_scaled(keep * o[1], p, v_tile[at + 1]);
  }
  if (BLOCKS > 2) {
    o[2] = add_scaled(keep * o[2], p, v_tile[at + 2]);
    o[3] = add_scaled(keep * o[3], p, v_tile[at + 3]);
  }
  if (BLOCKS > 4) {
    o[4] = add_scaled(keep * o[4], p, v_tile[at + 4]);
    o[5] = add_scaled(keep * o[5], p, v_tile[at + 5]);
    o[6] = add_scaled(keep * o[6], p, v_tile[at + 6]);
    o[7] = add_scaled(keep * o[7], p, v_tile[at + 7]);
  }
}

fn store_row(start: u32, factor: f32) {
  store_block(start, 0, factor * o[0]);
  if (BLOCKS > 1) {
    store_block(start, 1, factor * o[1]);
  }
  if (BLOCKS > 2) {
    store_block(start, 2, factor * o[2]);
    store_block(start, 3, factor * o[3]);
  }
  if (BLOCKS > 4) {
    store_block(start, 4, factor * o[4]);
    store_block(start, 5, factor * o[5]);
    store_block(start, 6, factor * o[6]);
    store_block(start, 7, factor * o[7]);
  }
}
