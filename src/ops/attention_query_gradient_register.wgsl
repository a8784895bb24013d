// Gradient of attention with respect to q, for CPU adapters: three query rows an
// invocation.
//
//   p = exp(scale q k^T - log_sum_exp)       delta = d_output . output
//   d_q = scale sum_key p (d_output . v - delta) k
//
// delta is kept for the gradients of k and v.

@group(0) @binding(4) var<storage, read> log_sum_exp: array<f32>;
@group(0) @binding(5) var<storage, read_write> stored: array<f32>;
@group(0) @binding(6) var<storage, read_write> delta: array<f32>;

const LANES: u32 = 8;
const ROWS: u32 = 3;

var<private> q0: array<mat4x4f, MAX_BLOCKS>;
var<private> q1: array<mat4x4f, MAX_BLOCKS>;
var<private> q2: array<mat4x4f, MAX_BLOCKS>;
var<private> g0: array<mat4x4f, MAX_BLOCKS>;
var<private> g1: array<mat4x4f, MAX_BLOCKS>;
var<private> g2: array<mat4x4f, MAX_BLOCKS>;
var<private> d0: array<mat4x4f, MAX_BLOCKS>;
var<private> d1: array<mat4x4f, MAX_BLOCKS>;
var<private> d2: array<mat4x4f, MAX_BLOCKS>;

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
  let statistic = vec3f(
    log_sum_exp[head.statistics + own.x],
    log_sum_exp[head.statistics + own.y],
    log_sum_exp[head.statistics + own.z],
  );
  let own_delta = deltas(head, own);
  for (var key = 0u; key <= last; key++) {
    let k_start = qkv_start(head, 1, key);
    let score = scores(k_start);
    let dp = value_products(qkv_start(head, 2, key));
    add_keys(k_start, exp(score - statistic) * (dp - own_delta) * params.scale);
  }
  store_rows(head, token, own_delta);
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
  q0[c] = params.scale * qkv_block(qkv_start(head, 0, own.x), c);
  q1[c] = params.scale * qkv_block(qkv_start(head, 0, own.y), c);
  q2[c] = params.scale * qkv_block(qkv_start(head, 0, own.z), c);
  g0[c] = grad_block(output_start(head, own.x), c);
  g1[c] = grad_block(output_start(head, own.y), c);
  g2[c] = grad_block(output_start(head, own.z), c);
}

fn deltas(head: Head, own: vec3u) -> vec3f {
  var sum = vec3f();
  sum += delta_block(head, own, 0);
  if (BLOCKS > 1) {
    sum += delta_block(head, own, 1);
  }
  if (BLOCKS > 2) {
    sum += delta_block(head, own, 2);
    sum += delta_block(head, own, 3);
  }
  if (BLOCKS > 4) {
    sum += delta_block(head, own, 4);
    sum += delta_block(head, own, 5);
    sum += delta_block(head, own, 6);
    sum += delta_block(head, own, 7);
  }
  return sum;
}

fn delta_block(head: Head, own: vec3u, c: u32) -> vec3f {
  return vec3f(
    product(g0[c], output_block(output_start(head, own.x), c)),
    product(g1[c], output_block(output_start(head, own.y), c)),
    product(g2[c], output_block(output_start(head, own.z), c)),
  );
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
  let k = qkv_block(start, c);
  return vec3f(product(q0[c], k), product(q1[c], k), product(q2[c], k));
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
  let v = qkv_block(start, c);
  return vec3f(product(g0[c], v), product(g1[c], v), product(g2[c], v));
}

fn add_keys(start: u32, ds: vec3f) {
  add_block(start, 0, ds);
  if (BLOCKS > 1) {
    add_block(start, 1, ds);
  }
  if (BLOCKS > 2) {
    add_block(start, 2, ds);
    add_block(start, 3, ds);
  }
  if (BLOCKS > 4) {
    add_block(start, 4, ds);
    add_block(start, 5, ds);
    add_block(start, 6, ds);
    add_block(start, 7, ds);
  }
}

fn add_block(start: u32, c: u32, ds: vec3f) {
  let k = qkv_block(start, c);
  d0[c] = add_scaled(d0[c], ds.x, k);
  d1[c] = add_scaled(d1[c], ds.y, k);
  d2[c] = add_scaled(d2[c], ds.z, k);
}

// The rows move up instead of being indexed, to compile one copy of this.
fn store_rows(head: Head, tokens: vec3u, own_deltas: vec3f) {
  var token = tokens;
  var own_delta = own_deltas;
  for (var i = 0u; i < ROWS; i++) {
    if (head.exists && token.x < params.tokens) {
      delta[head.statistics + token.x] = own_delta.x;
      store_row(qkv_start(head, 0, token.x));
    }
    token = token.yzx;
    own_delta = own_delta.yzx;
    d0 = d1;
    d1 = d2;
  }
}

fn store_row(start: u32) {
  store_block(start, 0, d0[0]);
  if (BLOCKS > 1) {
    store_block(start, 1, d0[1]);
  }
  if (BLOCKS > 2) {
    store_block(start, 2, d0[2]);
    store_block(start, 3, d0[3]);
  }
  if (BLOCKS > 4) {
    store_block(start, 4, d0[4]);
    store_block(start, 5, d0[5]);
    store_block(start, 6, d0[6]);
    store_block(start, 7, d0[7]);
  }
}
