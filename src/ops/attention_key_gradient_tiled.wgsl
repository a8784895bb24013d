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
  load_row(qkv_start(head, 1, own), qkv_start(head, 2, own));
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
      let at = head.statistics + first + query;
      let p = exp(score_of(query * BLOCKS) - log_sum_exp[at]);
      let dp = value_product(query * BLOCKS);
      add_gradients(query * BLOCKS, p, p * (dp - delta[at]) * params.scale);
    }
  }
  if (head.exists && token < params.tokens) {
    store_row(qkv_start(head, 1, token), qkv_start(head, 2, token));
  }
}

// Blocks are unrolled by hand, here and below: an array that a variable indexes
// does not stay in registers.
fn load_row(k_start: u32, v_start: u32) {
  load_block(k_start, v_start, 0);
  if (BLOCKS > 1) {
    load_block(k_start, v_start, 1);
  }
  if (BLOCKS > 2) {
    load_block(k_start, v_start, 2);
    load_block(k_start, v_start, 3);
  }
  if (BLOCKS > 4) {
    load_block(k_start, v_start, 4);
    load_block(k_start, v_start, 5);
    load_block(k_start, v_start, 6);
    load_block(k_start, v_start, 7);
  }
}

fn load_block(k_start: u32, v_start: u32, c: u32) {
  k[c] = params.scale * qkv_block(k_start, c);
  v[c] = qkv_block(v_start, c);
}

fn score_of(at: u32) -> f32 {
  var sum = 0.0;
  sum += product(k[0], q_tile[at + 0]);
  if (BLOCKS > 1) {
    sum += product(k[1], q_tile[at + 1]);
  }
  if (BLOCKS > 2) {
    sum += product(k[2], q_tile[at + 2]);
    sum += product(k[3], q_tile[at + 3]);
  }
  if (BLOCKS > 4) {
    sum += product(k[4], q_tile[at + 4]);
    sum += product(k[5], q_tile[at + 5]);
    sum += product(k[6], q_tile[at + 6]);
    sum += product(k[7], q_tile[at + 7]);
  }
  return sum;
}

fn value_product(at: u32) -> f32 {
  var sum = 0.0;
  sum += product(v[0], g_tile[at + 0]);
  if (BLOCKS > 1) {
    sum += product(v[1], g_tile[at + 1]);
  }
  if (BLOCKS > 2) {
    sum += product(v[2], g_tile[at + 2]);
    sum += product(v[3], g_tile[at + 3]);
  }
  if (BLOCKS > 4) {
    sum += product(v[4], g_tile[at + 4]);
    sum += product(v[5], g_tile[at + 5]);
    sum += product(v[6], g_tile[at + 6]);
    sum += product(v[7], g_tile[at + 7]);
  }
  return sum;
}

fn add_gradients(at: u32, p: f32, ds: f32) {
  add_block(at, 0, p, ds);
  if (BLOCKS > 1) {
    add_block(at, 1, p, ds);
  }
  if (BLOCKS > 2) {
    add_block(at, 2, p, ds);
    add_block(at, 3, p, ds);
  }
  if (BLOCKS > 4) {
    add_block(at, 4, p, ds);
    add_block(at, 5, p, ds);
    add_block(at, 6, p, ds);
    add_block(at, 7, p, ds);
  }
}

fn add_block(at: u32, c: u32, p: f32, ds: f32) {
  dk[c] = add_scaled(dk[c], ds, q_tile[at + c]);
  dv[c] = add_scaled(dv[c], p, g_tile[at + c]);
}

fn store_row(k_start: u32, v_start: u32) {
  store_blocks(k_start, v_start, 0);
  if (BLOCKS > 1) {
    store_blocks(k_start, v_start, 1);
  }
  if (BLOCKS > 2) {
    store_blocks(k_start, v_start, 2);
    store_blocks(k_start, v_start, 3);
  }
  if (BLOCKS > 4) {
    store_blocks(k_start, v_start, 4);
    store_blocks(k_start, v_start, 5);
    store_blocks(k_start, v_start, 6);
    store_blocks(k_start, v_start, 7);
  }
}

fn store_blocks(k_start: u32, v_start: u32, c: u32) {
  store_block(k_start, c, dk[c]);
  store_block(v_start, c, dv[c]);
}
