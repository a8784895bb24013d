// Gradient of attention with respect to q, for GPUs: one query row an invocation,
// keys and values in tiles of workgroup memory.
//
//   p = exp(scale q k^T - log_sum_exp)       delta = d_output . output
//   d_q = scale sum_key p (d_output . v - delta) k
//
// delta is kept for the gradients of k and v.

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
  load_row(qkv_start(head, 0, own), output_start(head, own));
  let statistic = log_sum_exp[head.statistics + own];
  let own_delta = delta_of(output_start(head, own));
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
      let p = exp(score_of(key * BLOCKS) - statistic);
      let dp = value_product(key * BLOCKS);
      add_key(key * BLOCKS, p * (dp - own_delta) * params.scale);
    }
  }
  if (head.exists && token < params.tokens) {
    delta[head.statistics + token] = own_delta;
    store_row(qkv_start(head, 0, token));
  }
}

// Blocks are unrolled by hand, here and below: an array that a variable indexes
// does not stay in registers.
fn load_row(q_start: u32, g_start: u32) {
  load_block(q_start, g_start, 0);
  if (BLOCKS > 1) {
    load_block(q_start, g_start, 1);
  }
  if (BLOCKS > 2) {
    load_block(q_start, g_start, 2);
    load_block(q_start, g_start, 3);
  }
  if (BLOCKS > 4) {
    load_block(q_start, g_start, 4);
    load_block(q_start, g_start, 5);
    load_block(q_start, g_start, 6);
    load_block(q_start, g_start, 7);
  }
}

fn load_block(q_start: u32, g_start: u32, c: u32) {
  q[c] = params.scale * qkv_block(q_start, c);
  g[c] = grad_block(g_start, c);
}

fn delta_of(start: u32) -> f32 {
  var sum = 0.0;
  sum += product(g[0], output_block(start, 0));
  if (BLOCKS > 1) {
    sum += product(g[1], output_block(start, 1));
  }
  if (BLOCKS > 2) {
    sum += product(g[2], output_block(start, 2));
    sum += product(g[3], output_block(start, 3));
  }
  if (BLOCKS > 4) {
    sum += product(g[4], output_block(start, 4));
    sum += product(g[5], output_block(start, 5));
    sum += product(g[6], output_block(start, 6));
    sum += product(g[7], output_block(start, 7));
  }
  return sum;
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

fn value_product(at: u32) -> f32 {
  var sum = 0.0;
  sum += product(g[0], v_tile[at + 0]);
  if (BLOCKS > 1) {
    sum += product(g[1], v_tile[at + 1]);
  }
  if (BLOCKS > 2) {
    sum += product(g[2], v_tile[at + 2]);
    sum += product(g[3], v_tile[at + 3]);
  }
  if (BLOCKS > 4) {
    sum += product(g[4], v_tile[at + 4]);
    sum += product(g[5], v_tile[at + 5]);
    sum += product(g[6], v_tile[at + 6]);
    sum += product(g[7], v_tile[at + 7]);
  }
  return sum;
}

fn add_key(at: u32, ds: f32) {
  d[0] = add_scaled(d[0], ds, k_tile[at + 0]);
  if (BLOCKS > 1) {
    d[1] = add_scaled(d[1], ds, k_tile[at + 1]);
  }
  if (BLOCKS > 2) {
    d[2] = add_scaled(d[2], ds, k_tile[at + 2]);
    d[3] = add_scaled(d[3], ds, k_tile[at + 3]);
  }
  if (BLOCKS > 4) {
    d[4] = add_scaled(d[4], ds, k_tile[at + 4]);
    d[5] = add_scaled(d[5], ds, k_tile[at + 5]);
    d[6] = add_scaled(d[6], ds, k_tile[at + 6]);
    d[7] = add_scaled(d[7], ds, k_tile[at + 7]);
  }
}

fn store_row(start: u32) {
  store_block(start, 0, d[0]);
  if (BLOCKS > 1) {
    store_block(start, 1, d[1]);
  }
  if (BLOCKS > 2) {
    store_block(start, 2, d[2]);
    store_block(start, 3, d[3]);
  }
  if (BLOCKS > 4) {
    store_block(start, 4, d[4]);
    store_block(start, 5, d[5]);
    store_block(start, 6, d[6]);
    store_block(start, 7, d[7]);
  }
}
