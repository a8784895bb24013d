// Gradient of attention with respect to q, for CPU adapters: three query rows an
// invocation.
//
//   p = exp(scale q k^T - log_sum_exp)       delta = d_output . output
//   d_q = scale sum_key p (d_output . v - delta) k
//
// delta is kept for the gradients of k and v.

@group(0) @binding(3) var<storage, read> outputs: array<f32>;
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
  let t0 = head.token + lane;
  let t1 = t0 + LANES;
  let t2 = t1 + LANES;
  let own = min(vec3u(t0, t1, t2), vec3u(last));
  for (var c = 0u; c < BLOCKS; c++) {
    q0[c] = params.scale * qkv_block(qkv_start(head, 0, own.x), c);
    q1[c] = params.scale * qkv_block(qkv_start(head, 0, own.y), c);
    q2[c] = params.scale * qkv_block(qkv_start(head, 0, own.z), c);
    g0[c] = grad_block(output_start(head, own.x), c);
    g1[c] = grad_block(output_start(head, own.y), c);
    g2[c] = grad_block(output_start(head, own.z), c);
  }
  let statistic = vec3f(
    log_sum_exp[head.statistics + own.x],
    log_sum_exp[head.statistics + own.y],
    log_sum_exp[head.statistics + own.z],
  );
  let own_delta = vec3f(
    delta_of(head, own.x),
    delta_of(head, own.y),
    delta_of(head, own.z),
  );
  for (var key = 0u; key <= last; key++) {
    let k_start = qkv_start(head, 1, key);
    let v_start = qkv_start(head, 2, key);
    var score = vec3f();
    var dp = vec3f();
    for (var c = 0u; c < BLOCKS; c++) {
      let k = qkv_block(k_start, c);
      let v = qkv_block(v_start, c);
      score += vec3f(product(q0[c], k), product(q1[c], k), product(q2[c], k));
      dp += vec3f(product(g0[c], v), product(g1[c], v), product(g2[c], v));
    }
    let ds = exp(score - statistic) * (dp - own_delta) * params.scale;
    for (var c = 0u; c < BLOCKS; c++) {
      let k = qkv_block(k_start, c);
      d0[c] = add_scaled(d0[c], ds.x, k);
      d1[c] = add_scaled(d1[c], ds.y, k);
      d2[c] = add_scaled(d2[c], ds.z, k);
    }
  }
  for (var c = 0u; c < BLOCKS; c++) {
    store_gradient(head, t0, c, d0[c]);
    store_gradient(head, t1, c, d1[c]);
    store_gradient(head, t2, c, d2[c]);
  }
  store_delta(head, t0, own_delta.x);
  store_delta(head, t1, own_delta.y);
  store_delta(head, t2, own_delta.z);
}

fn store_gradient(head: Head, token: u32, block: u32, values: mat4x4f) {
  if (head.exists && token < params.tokens) {
    store_block(qkv_start(head, 0, token), block, values);
  }
}

fn store_delta(head: Head, token: u32, value: f32) {
  if (head.exists && token < params.tokens) {
    delta[head.statistics + token] = value;
  }
}
