// Gradients of token assembly for the position embedding and the patches.
//
//   d_positions[n] = sum_b d_tokens[b, n]
//   d_patches[b, p] = d_tokens[b, prefix + p]
//
// first: d_tokens [batch * tokens, dim]; d_positions [tokens, dim]; d_patches
// [batch * (tokens - prefix), dim]. Columns are counted in Wide, lanes lie along
// them; grid: [column blocks, tokens].

override WORKGROUP_SIZE: u32 = 8;

struct Params {
  batch: u32,
  tokens: u32,
  prefix: u32,
  dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> d_positions: array<Wide>;
@group(0) @binding(3) var<storage, read_write> d_patches: array<Stored>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = group.x * WORKGROUP_SIZE + lane;
  let n = group.y;
  if (c >= params.dim) {
    return;
  }
  let patch_count = params.tokens - params.prefix;
  var sum = Wide();
  for (var b = 0u; b < params.batch; b++) {
    let d = first_at((b * params.tokens + n) * params.dim + c);
    sum += d;
    if (n >= params.prefix) {
      d_patches[(b * patch_count + n - params.prefix) * params.dim + c] = Stored(d);
    }
  }
  d_positions[n * params.dim + c] = sum;
}
