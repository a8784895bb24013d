// Gradient of token pooling, for one or two pooled rows per image.
//
//   d_t[b, n] = w1_n d_pooled1[b] + w2_n d_pooled2[b] [+ extra[b, n]]
//
// w_n is the weight that pooling gave token n: class, distillation, or patches divided by
// their number. first, second: d_pooled1, d_pooled2 [batch, dim]; third: extra, d_t
// [batch * tokens, dim]. Columns are counted in Wide. One workgroup per row of d_t, lanes
// along columns.

override WORKGROUP_SIZE: u32 = 8;
override SECOND: bool = false;
override EXTRA: bool = false;

struct Params {
  rows: u32,
  tokens: u32,
  prefix: u32,
  dim: u32,
  // Weights of both pooled rows for token 0, token 1 (prefix 2) and each patch.
  class_weight1: f32,
  distillation_weight1: f32,
  patch_weight1: f32,
  class_weight2: f32,
  distillation_weight2: f32,
  patch_weight2: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read_write> d_t: array<Stored>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) {
    return;
  }
  let b = row / params.tokens;
  let n = row % params.tokens;
  var weight1 = params.patch_weight1;
  var weight2 = params.patch_weight2;
  if (n == 0u) {
    weight1 = params.class_weight1;
    weight2 = params.class_weight2;
  } else if (n < params.prefix) {
    weight1 = params.distillation_weight1;
    weight2 = params.distillation_weight2;
  }
  for (var c = lane; c < params.dim; c += WORKGROUP_SIZE) {
    var value = weight1 * first_at(b * params.dim + c);
    if (SECOND) {
      value += weight2 * second_at(b * params.dim + c);
    }
    if (EXTRA) {
      value += third_at(row * params.dim + c);
    }
    d_t[row * params.dim + c] = Stored(value);
  }
}
