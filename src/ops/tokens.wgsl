// Rows of tokens from embedded patches, with the position embedding.
//
//   output[b, 0]          = class_token + positions[0]
//   output[b, 1]          = distillation_token + positions[1]     if prefix is 2
//   output[b, prefix + p] = patches[b, p] + positions[prefix + p]
//
// patches [batch * (tokens - prefix), dim]; positions [tokens, dim]; output
// [batch * tokens, dim]. One workgroup per output row, lanes along columns.

override WORKGROUP_SIZE: u32 = 8;

struct Params {
  rows: u32,
  tokens: u32,
  prefix: u32,
  dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> patches: array<f32>;
@group(0) @binding(2) var<storage, read> class_token: array<f32>;
@group(0) @binding(3) var<storage, read> distillation_token: array<f32>;
@group(0) @binding(4) var<storage, read> positions: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;

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
  let patch_row = b * (params.tokens - params.prefix) + n - params.prefix;
  for (var c = lane; c < params.dim; c += WORKGROUP_SIZE) {
    var value = positions[n * params.dim + c];
    if (n >= params.prefix) {
      value += patches[patch_row * params.dim + c];
    } else if (n == 0u) {
      value += class_token[c];
    } else {
      value += distillation_token[c];
    }
    output[row * params.dim + c] = value;
  }
}
