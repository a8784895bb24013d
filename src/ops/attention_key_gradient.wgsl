// Gradients of attention with respect to k and v: an invocation owns keys, with their
// values (b), and goes past all queries (s) and the gradients of their outputs (t), so
// nothing is summed by atomics.
//
//   p = exp(scale q k^T - log_sum_exp)
//   d_v = sum_query p d_output
//   d_k = scale sum_query p (d_output . v - delta) q

@group(0) @binding(3) var<storage, read> log_sum_exp: array<f32>;
@group(0) @binding(4) var<storage, read> delta: array<f32>;
@group(0) @binding(5) var<storage, read_write> stored: array<Stored>;

const USES_B: bool = true;
const SUMS_S: bool = true;
const SUMS_T: bool = true;
const STREAMS_SCALARS: bool = true;

fn a_quad(token: u32, at: u32) -> vec4f {
  return params.scale * qkv_quad(qkv_start(K, token), at);
}

fn b_quad(token: u32, at: u32) -> vec4f {
  return qkv_quad(qkv_start(V, token), at);
}

fn s_quad(row: u32, at: u32) -> vec4f {
  return qkv_quad(qkv_start(Q, row), at);
}

fn t_quad(row: u32, at: u32) -> vec4f {
  return grad_quad(output_start(row), at);
}

fn streamed_scalars(row: u32) -> vec2f {
  let i = head.statistics + row;
  return vec2f(log_sum_exp[i], delta[i]);
}

fn begin(own: vec3u) {
}

fn visit(slot: u32) {
  let product = products(slot);
  let scalars = scalars_of(slot);
  let p = exp(product[0] - scalars.x);
  let weight = p * (product[1] - scalars.y) * params.scale;
  add(slot, weight, vec3f(1), p);
}

fn finish(token: u32, i: u32) {
  store(qkv_start(K, token), qkv_start(V, token), 1);
}
