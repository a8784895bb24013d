// ReLU.
//
//   output[i] = max(input[i], 0), or d_output[i] where input[i] > 0, else 0, with BACKWARD
//
// Backward may take the output in the place of the input: both are above 0 together.

override BACKWARD: bool = false;

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> d_output: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 64 + lane;
  if (i >= params.count) {
    return;
  }
  if (BACKWARD) {
    output[i] = select(0.0, d_output[i], input[i] > 0.0);
  } else {
    output[i] = max(input[i], 0.0);
  }
}
