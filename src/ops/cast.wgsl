// Change of the element type, with a factor that the GPU knows.
//
//   output[i] = Out(f32(input[i]) factor[0])
//
// In and Out are f32 or f16 (cast.ts); without FACTOR, factor is not read.

struct Params {
  length: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<In>;
@group(0) @binding(2) var<storage, read> factor: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<Out>;

override FACTOR: bool = false;

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
  var value = f32(input[i]);
  if (FACTOR) {
    value *= factor[0];
  }
  output[i] = Out(value);
}
