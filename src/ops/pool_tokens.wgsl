// One feature row per image: a weighted sum of its tokens.
//
//   output[b] = class_weight t[b, 0] + distillation_weight t[b, 1]
//             + patch_weight mean over p of t[b, prefix + p]
//
// first: t [batch * tokens, dim]; output [batch, dim]; the distillation term only with
// prefix 2. Columns are counted in Wide, lanes lie along them; grid: [column blocks, batch].

override WORKGROUP_SIZE: u32 = 8;

struct Params {
  tokens: u32,
  prefix: u32,
  dim: u32,
  class_weight: f32,
  distillation_weight: f32,
  patch_weight: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> output: array<Wide>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = group.x * WORKGROUP_SIZE + lane;
  let b = group.y;
  if (c >= params.dim) {
    return;
  }
  let start = b * params.tokens * params.dim + c;
  // A weight of 0 leaves its tokens unread, whatever they hold.
  var value = Wide();
  if (params.class_weight != 0.0) {
    value += params.class_weight * first_at(start);
  }
  if (params.prefix == 2u && params.distillation_weight != 0.0) {
    value += params.distillation_weight * first_at(start + params.dim);
  }
  if (params.patch_weight != 0.0) {
    var sum = Wide();
    for (var n = params.prefix; n < params.tokens; n++) {
      sum += first_at(start + n * params.dim);
    }
    value += params.patch_weight * sum / f32(params.tokens - params.prefix);
  }
  output[b * params.dim + c] = value;
}
