// Gradients of attention with respect to k and v, for CPU adapters: three keys an
// invocation, which goes through all queries, so nothing is summed by atomics.
//
//   p = exp(scale q k^T - log_sum_exp)
//   d_v = sum_query p d_output
//   d_k = scale sum_query p (d_output . v - delta) q

@group(0) @binding(3) var<storage, read> log_sum_exp: array<f32>;
@group(0) @binding(4) var<storage, read> delta: array<f32>;
@group(0) @binding(5) var<storage, read_write> stored: array<f32>;

const LANES: u32 = 8;
const ROWS: u32 = 3;

var<private> k0: array<mat4x4f, MAX_BLOCKS>;
var<private> k1: array<mat4x4f, MAX_BLOCKS>;
var<private> k2: array<mat4x4f, MAX_BLOCKS>;
var<private> v0: array<mat4x4f, MAX_BLOCKS>;
var<private> v1: array<mat4x4f, MAX_BLOCKS>;
var<private> v2: array<mat4x4f, MAX_BLOCKS>;
var<private> dk0: array<mat4x4f, MAX_BLOCKS>;
var<private> dk1: array<mat4x4f, MAX_BLOCKS>;
var<private> dk2: array<mat4x4f, MAX_BLOCKS>;
var<private> dv0: array<mat4x4f, MAX_BLOCKS>;
var<private> dv1: array<mat4x4f, MAX_BLOCKS>;
var<private> dv2: array<mat4x4f, MAX_BLOCKS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let head = head_of(group.y * groups.x + group.x, LANES * ROWS);
  let last = params.tokens - 1;
  let token = head.token + lane + vec3u(0, LANES, 2 * LANES);
  let own = min(token, vec3u(last));
  load_rows(head, own);
  for (var query = 0u; query <= last; query++) {
    let q_start = qkv_start(head, 0, query);
    let g_start = output_start(head, query);
    let p = exp(scores(q_start) - log_sum_exp[head.statistics + query]);
    let dp = value_products(g_start);
    let ds = p * (dp - delta[head.statistics + query]) * params.scale;
    add_gradients(q_start, g_start, p, ds);
  }
  store_rows(head, token);
}

// Blocks are unrolled by hand, here and below: an array that a variable indexes
// does not stay in registers.
fn load_rows(head: Head, own: vec3u) {
  load_block(head, own, 0);
  if (BLOCKS > 1) {
    load_block(head, own, 1);
  }
  if (BLOCKS > 2) {
    load_block(head, own, 2);
    load_block(head, own, 3);
  }
  if (BLOCKS > 4) {
    load_block(head, own, 4);
    load_block(head, own, 5);
    load_block(head, own, 6);
    load_block(head, own, 7);
  }
}

fn load_block(head: Head, own: vec3u, c: u32) {
  k0[c] = params.scale * qkv_block(qkv_start(head, 1, own.x), c);
  k1[c] = params.scale * qkv_block(qkv_start(head, 1, own.y), c);
  k2[c] = params.scale * qkv_block(qkv_start(head, 1, own.z), c);
  v0[c] = qkv_block(qkv_start(head, 2, own.x), c);
  v1[c] = qkv_block(qkv_start(head, 2, own.y), c);
  v2[c] = qkv_block(qkv_start(head, 2, own.z), c);
}

fn scores(start: u32) -> vec3f {
  var sum = vec3f();
  sum += score_block(start, 0);
  if (BLOCKS > 1) {
    sum += score_block(start, 1);
  }
  if (BLOCKS > 2) {
    sum += score_block(start, 2);
    sum += score_block(start, 3);
  }
  if (BLOCKS > 4) {
    sum += score_block(start, 4);
    sum += score_block(start, 5);
    sum += score_block(start, 6);
    sum += score_block(start, 7);
  }
  return sum;
}

fn score_block(start: u32, c: u32) -> vec3f {
  let q = qkv_block(start, c);
  return vec3f(product(k0[c], q), product(k1[c], q), product(k2[c], q));
}

fn value_products(start: u32) -> vec3f {
  var sum = vec3f();
  sum += value_block(start, 0);
  if (BLOCKS > 1) {
    sum += value_block(start, 1);
  }
  if (BLOCKS > 2) {
    sum += value_block(start, 2);
    sum += value_block(start, 3);
  }
  if (BLOCKS > 4) {
    sum += value_block(start, 4);
    sum += value_block(start, 5);
    sum += value_block(start, 6);
    sum += value_block(start, 7);
  }
  return sum;
}

fn value_block(start: u32, c: u32) -> vec3f {
  let g = grad_block(start, c);
  return vec3f(product(v0[c], g), product(v1[c], g), product(v2[c], g));
}

fn add_gradients(q_start: u32, g_start: u32, p: vec3f, ds: vec3f) {
  add_block(q_start, g_start, 0, p, ds);
  if (BLOCKS > 1) {
    add_block(q_start, g_start, 1, p, ds);
  }
  if (BLOCKS > 2) {
    add_block(q_start, g_start, 2, p, ds);
    add_block(q_start, g_start, 3, p, ds);
  }
  if (BLOCKS > 4) {
    add_block(q_start, g_start, 4, p, ds);
    add_block(q_start, g_start, 5, p, ds);
    add_block(q_start, g_start, 6, p, ds);
    add_block(q_start, g_start, 7, p, ds);
  }
}

fn add_block(q_start: u32, g_start: u32, c: u32, p: vec3f, ds: vec3f) {
  let q = qkv_block(q_start, c);
  dk0[c] = add_scaled(dk0[c], ds.x, q);
  dk1[c] = add_scaled(dk1[c], ds.y, q);
  dk2[c] = add_scaled(dk2[c], ds.z, q);
  let g = grad_block(g_start, c);
  dv0[c] = add_scaled(dv0[c], p.x, g);
  dv1[c] = add_scaled(dv1[c], p.y, g);
  dv2[c] = add_scaled(dv2[c], p.z, g);
}

// The rows move up instead of being indexed, to compile one copy of this.
fn store_rows(head: Head, tokens: vec3u) {
  var token = tokens;
  for (var i = 0u; i < ROWS; i++) {
    if (head.exists && token.x < params.tokens) {
      store_row(qkv_start(head, 1, token.x), qkv_start(head, 2, token.x));
    }
    token = token.yzx;
    dk0 = dk1;
    dk1 = dk2;
    dv0 = dv1;
    dv1 = dv2;
  }
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
  store_block(k_start, c, dk0[c]);
  store_block(v_start, c, dv0[c]);
}
