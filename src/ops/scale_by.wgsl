// Multiples of a tensor, by a number and by a factor that the host may change.
//
//   output[i] (+)= scale factor[0] input[i]
//
// input, output [length]; without FACTOR, factor is not read.

struct Params {
  length: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> factor: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

override FACTOR: bool = false;
override ACCUMULATE: bool = false;

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
  var value = params.scale * input[i];
  if (FACTOR) {
    value *= factor[0];
  }
  if (ACCUMULATE) {
    value += output[i];
  }
  output[i] = value;
}
