// Attention for CPU adapters: three query rows an invocation, so that each key
// and value that is loaded serves three rows.
//
//   output = softmax(scale q k^T) v          log_sum_exp = log sum exp(scale q k^T)
//
// The softmax is online: when a score exceeds the maximum so far, what was
// summed before is scaled down.

@group(0) @binding(2) var<storage, read_write> stored: array<f32>;
@group(0) @binding(3) var<storage, read_write> log_sum_exp: array<f32>;

const LANES: u32 = 8;
const ROWS: u32 = 3;

var<private> q0: array<mat4x4f, MAX_BLOCKS>;
var<private> q1: array<mat4x4f, MAX_BLOCKS>;
var<private> q2: array<mat4x4f, MAX_BLOCKS>;
var<private> o0: array<mat4x4f, MAX_BLOCKS>;
var<private> o1: array<mat4x4f, MAX_BLOCKS>;
var<private> o2: array<mat4x4f, MAX_BLOCKS>;

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
  var top = vec3f(-3.0e38);
  var sum = vec3f();
  for (var key = 0u; key <= last; key++) {
    let score = scores(qkv_start(head, 1, key));
    let next = max(top, score);
    let keep = exp(top - next);
    let p = exp(score - next);
    top = next;
    sum = sum * keep + p;
    add_values(qkv_start(head, 2, key), keep, p);
  }
  store_rows(head, token, 1.0 / sum, top + log(sum));
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

fn add_values(start: u32, keep: vec3f, p: vec3f) {
  add_block(start, 0, keep, p);
  if (BLOCKS > 1) {
    add_block(start, 1, keep, p);
  }
  if (BLOCKS > 2) {
    add_block(start, 2, keep, p);
    add_block(start, 3, keep, p);
  }
  if (BLOCKS > 4) {
    add_block(start, 4, keep, p);
    add_block(start, 5, keep, p);
    add_block(start, 6, keep, p);
    add_block(start, 7, keep, p);
  }
}

fn add_block(start: u32, c: u32, keep: vec3f, p: vec3f) {
  let v = qkv_block(start, c);
  o0[c] = add_scaled(keep.x * o0[c], p.x, v);
  o1[c] = add_scaled(keep.y * o1[c], p.y, v);
  o2[c] = add_scaled(keep.z * o2[c], p.z, v);
}

// The rows move up instead of being indexed, to compile one copy of this.
fn store_rows(head: Head, tokens: vec3u, factors: vec3f, statistics: vec3f) {
  var token = tokens;
  var factor = factors;
  var statistic = statistics;
  for (var i = 0u; i < ROWS; i++) {
    if (head.exists && token.x < params.tokens) {
      log_sum_exp[head.statistics + token.x] = statistic.x;
      store_row(output_start(head, token.x), factor.x);
    }
    token = token.yzx;
    factor = factor.yzx;
    statistic = statistic.yzx;
    o0 = o1;
    o1 = o2;
  }
}

fn store_row(start: u32, factor: f32) {
  store_block(start, 0, factor * o0[0]);
  if (BLOCKS > 1) {
    store_block(start, 1, factor * o0[1]);
  }
  if (BLOCKS > 2) {
    store_block(start, 2, factor * o0[2]);
    store_block(start, 3, factor * o0[3]);
  }
  if (BLOCKS > 4) {
    store_block(start, 4, factor * o0[4]);
    store_block(start, 5, factor * o0[5]);
    store_block(start, 6, factor * o0[6]);
    store_block(start, 7, factor * o0[7]);
  }
}
