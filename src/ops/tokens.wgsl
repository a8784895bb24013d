// Rows of tokens from embedded patches, with the position embedding.
//
//   output[b, 0]          = class_token + positions[0]
//   output[b, 1]          = distillation_token + positions[1]     if prefix is 2
//   output[b, prefix + p] = patches[b, p] + positions[prefix + p]
//
// first: patches [batch * (tokens - prefix), dim]; second: positions [tokens, dim]; third:
// class token [dim]; fourth: distillation token [dim]; output [batch * tokens, dim].
// Columns are counted in Wide. One workgroup per output row, lanes along columns.

override WORKGROUP_SIZE: u32 = 8;

struct Params {
  rows: u32,
  tokens: u32,
  prefix: u32,
  dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read_write> output: array<Stored>;

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
    var value = second_at(n * params.dim + c);
    if (n >= params.prefix) {
      value += first_at(patch_row * params.dim + c);
    } else if (n == 0u) {
      value += third_at(c);
    } else {
      value += fourth_at(c);
    }
    output[row * params.dim + c] = Stored(value);
  }
}
