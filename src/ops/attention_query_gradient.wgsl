// Gradient of attention with respect to q: an invocation owns queries, with the
// gradients of their outputs (b), and goes past keys (s) and values (t).
//
//   p = exp(scale q k^T - log_sum_exp)       delta = d_output . output
//   d_q = scale sum_key p (d_output . v - delta) k
//
// delta is kept for the gradients of k and v.

@group(0) @binding(4) var<storage, read> log_sum_exp: array<f32>;
@group(0) @binding(5) var<storage, read_write> stored: array<Stored>;
@group(0) @binding(6) var<storage, read_write> delta: array<f32>;

const USES_B: bool = true;
const SUMS_S: bool = true;
const SUMS_T: bool = false;
const STREAMS_SCALARS: bool = false;

// Of the own rows.
var<private> statistic: vec3f;
var<private> deltas: vec3f;

fn a_quad(token: u32, at: u32) -> vec4f {
  return params.scale * qkv_quad(qkv_start(Q, token), at);
}

fn b_quad(token: u32, at: u32) -> vec4f {
  return grad_quad(output_start(token), at);
}

fn s_quad(row: u32, at: u32) -> vec4f {
  return qkv_quad(qkv_start(K, row), at);
}

fn t_quad(row: u32, at: u32) -> vec4f {
  return qkv_quad(qkv_start(V, row), at);
}

fn streamed_scalars(row: u32) -> vec2f {
  return vec2f();
}

fn begin(own: vec3u) {
  for (var i = 0u; i < ROWS; i++) {
    statistic[i] = log_sum_exp[head.statistics + own[i]];
    deltas[i] = delta_of(output_start(own[i]));
  }
}

fn delta_of(start: u32) -> f32 {
  var sum = vec4f();
  for (var at = 0u; at < params.head_dim; at += 4) {
    sum += grad_quad(start, at) * output_quad(start, at);
  }
  return (sum.x + sum.y) + (sum.z + sum.w);
}

fn visit(slot: u32) {
  let product = products(slot);
  let p = exp(product[0] - statistic);
  let weight = p * (product[1] - deltas) * params.scale;
  add(slot, weight, vec3f(), vec3f());
}

fn finish(token: u32, i: u32) {
  delta[head.statistics + token] = deltas[i];
  store(qkv_start(Q, token), 0, 1);
}
