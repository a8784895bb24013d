// Gradient of token assembly for the class or the distillation token.
//
//   d_prefix[c] = sum_b d_tokens[b, token, c]
//
// d_tokens [batch * tokens, dim]; d_prefix [dim].

struct Params {
  batch: u32,
  tokens: u32,
  token: u32,
  dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_tokens: array<Real>;
@group(0) @binding(2) var<storage, read_write> d_prefix: array<f32>;

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if (c >= params.dim) {
    return;
  }
  var sum = 0.0;
  for (var b = 0u; b < params.batch; b++) {
    sum += f32(d_tokens[(b * params.tokens + params.token) * params.dim + c]);
  }
  d_prefix[c] = sum;
}
