// Attention: an invocation owns queries and goes past keys (s) and values (t).
//
//   output = softmax(scale q k^T) v          log_sum_exp = log sum exp(scale q k^T)
//
// The softmax is online: when a score exceeds the maximum so far, what was
// summed before is scaled down.

@group(0) @binding(2) var<storage, read_write> stored: array<Stored>;
@group(0) @binding(3) var<storage, read_write> log_sum_exp: array<f32>;

const USES_B: bool = false;
const SUMS_S: bool = false;
const SUMS_T: bool = true;
const STREAMS_SCALARS: bool = false;

// Largest score so far and sum of exp(score - top).
var<private> top: vec3f;
var<private> sum: vec3f;

fn a_quad(token: u32, at: u32) -> vec4f {
  return params.scale * qkv_quad(qkv_start(Q, token), at);
}

fn b_quad(token: u32, at: u32) -> vec4f {
  return vec4f();
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
  top = vec3f(-3.0e38);
}

fn visit(slot: u32) {
  let score = products(slot)[0];
  // exp(top - next) and exp(score - next): one of the two is exp(0).
  let smaller = exp(-abs(score - top));
  let rises = score > top;
  let keep = select(vec3f(1), smaller, rises);
  let p = select(smaller, vec3f(1), rises);
  top = max(top, score);
  sum = sum * keep + p;
  add(slot, vec3f(), keep, p);
}

fn finish(token: u32, i: u32) {
  log_sum_exp[head.statistics + token] = top[i] + log(sum[i]);
  store(0, output_start(token), 1.0 / sum[i]);
}
