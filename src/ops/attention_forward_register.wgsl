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

// Running maximum and sum of a row.
struct Softmax {
  top: f32,
  sum: f32,
}

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
  let t0 = head.token + lane;
  let t1 = t0 + LANES;
  let t2 = t1 + LANES;
  for (var c = 0u; c < BLOCKS; c++) {
    q0[c] = params.scale * qkv_block(qkv_start(head, 0, min(t0, last)), c);
    q1[c] = params.scale * qkv_block(qkv_start(head, 0, min(t1, last)), c);
    q2[c] = params.scale * qkv_block(qkv_start(head, 0, min(t2, last)), c);
  }
  var top = vec3f(-3.0e38);
  var sum = vec3f();
  for (var key = 0u; key <= last; key++) {
    let k_start = qkv_start(head, 1, key);
    let v_start = qkv_start(head, 2, key);
    var score = vec3f();
    for (var c = 0u; c < BLOCKS; c++) {
      let k = qkv_block(k_start, c);
      score += vec3f(product(q0[c], k), product(q1[c], k), product(q2[c], k));
    }
    let next = max(top, score);
    let keep = exp(top - next);
    let p = exp(score - next);
    top = next;
    sum = sum * keep + p;
    for (var c = 0u; c < BLOCKS; c++) {
      let v = qkv_block(v_start, c);
      o0[c] = add_scaled(keep.x * o0[c], p.x, v);
      o1[c] = add_scaled(keep.y * o1[c], p.y, v);
      o2[c] = add_scaled(keep.z * o2[c], p.z, v);
    }
  }
  let factor = 1.0 / sum;
  let statistic = top + log(sum);
  for (var c = 0u; c < BLOCKS; c++) {
    store_output(head, t0, c, factor.x * o0[c]);
    store_output(head, t1, c, factor.y * o1[c]);
    store_output(head, t2, c, factor.z * o2[c]);
  }
  store_statistic(head, t0, statistic.x);
  store_statistic(head, t1, statistic.y);
  store_statistic(head, t2, statistic.z);
}

fn store_statistic(head: Head, token: u32, value: f32) {
  if (head.exists && token < params.tokens) {
    log_sum_exp[head.statistics + token] = value;
  }
}

fn store_output(head: Head, token: u32, block: u32, values: mat4x4f) {
  if (head.exists && token < params.tokens) {
    store_block(output_start(head, token), block, values);
  }
}
