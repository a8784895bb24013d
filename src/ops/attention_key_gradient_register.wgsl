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
  let t0 = head.token + lane;
  let t1 = t0 + LANES;
  let t2 = t1 + LANES;
  let own = min(vec3u(t0, t1, t2), vec3u(last));
  for (var c = 0u; c < BLOCKS; c++) {
    k0[c] = params.scale * qkv_block(qkv_start(head, 1, own.x), c);
    k1[c] = params.scale * qkv_block(qkv_start(head, 1, own.y), c);
    k2[c] = params.scale * qkv_block(qkv_start(head, 1, own.z), c);
    v0[c] = qkv_block(qkv_start(head, 2, own.x), c);
    v1[c] = qkv_block(qkv_start(head, 2, own.y), c);
    v2[c] = qkv_block(qkv_start(head, 2, own.z), c);
  }
  for (var query = 0u; query <= last; query++) {
    let q_start = qkv_start(head, 0, query);
    let g_start = output_start(head, query);
    var score = vec3f();
    var dp = vec3f();
    for (var c = 0u; c < BLOCKS; c++) {
      let q = qkv_block(q_start, c);
      let g = grad_block(g_start, c);
      score += vec3f(product(k0[c], q), product(k1[c], q), product(k2[c], q));
      dp += vec3f(product(v0[c], g), product(v1[c], g), product(v2[c], g));
    }
    let p = exp(score - log_sum_exp[head.statistics + query]);
    let ds = p * (dp - delta[head.statistics + query]) * params.scale;
    for (var c = 0u; c < BLOCKS; c++) {
      let q = qkv_block(q_start, c);
      let g = grad_block(g_start, c);
      dk0[c] = add_scaled(dk0[c], ds.x, q);
      dk1[c] = add_scaled(dk1[c], ds.y, q);
      dk2[c] = add_scaled(dk2[c], ds.z, q);
      dv0[c] = add_scaled(dv0[c], p.x, g);
      dv1[c] = add_scaled(dv1[c], p.y, g);
      dv2[c] = add_scaled(dv2[c], p.z, g);
    }
  }
  for (var c = 0u; c < BLOCKS; c++) {
    store_gradients(head, t0, c, dk0[c], dv0[c]);
    store_gradients(head, t1, c, dk1[c], dv1[c]);
    store_gradients(head, t2, c, dk2[c], dv2[c]);
  }
}

fn store_gradients(head: Head, token: u32, block: u32, dk: mat4x4f, dv: mat4x4f) {
  if (head.exists && token < params.tokens) {
    store_block(qkv_start(head, 1, token), block, dk);
    store_block(qkv_start(head, 2, token), block, dv);
  }
}
