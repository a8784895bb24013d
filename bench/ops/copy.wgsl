// A plain copy, for the bandwidth that an adapter has at all:
//
//   output[i] = input[i]
//
// input, output [count] of vec4. Each invocation copies one; the grid may be split
// over x and y.

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i < params.count) {
    output[i] = input[i];
  }
}
