// Where the class token looks: the mean over heads, of the patches, as logits.
//
//   map[b, p] = log(mean_h weights[b, h, prefix + p] + 1e-12)
//
// weights [batch * heads, tokens]; map [batch, patches].

struct Params {
  length: u32,
  tokens: u32,
  heads: u32,
  prefix: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> map: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= params.length) {
    return;
  }
  let patches = params.tokens - params.prefix;
  let b = i / patches;
  var sum = 0.0;
  for (var h = 0u; h < params.heads; h++) {
    sum += weights[(b * params.heads + h) * params.tokens + params.prefix + i % patches];
  }
  map[i] = log(sum / f32(params.heads) + 1e-12);
}
