// GELU alone, where it is no epilogue of a matrix product.
//
//   output[i] = gelu(input[i]), or d_output[i] gelu'(input[i]) with BACKWARD

override BACKWARD: bool = false;

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Real>;
@group(0) @binding(2) var<storage, read> d_output: array<Real>;
@group(0) @binding(3) var<storage, read_write> output: array<Real>;

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
    output[i] = Real(f32(d_output[i]) * gelu(vec4f(f32(input[i]))).slope.x);
  } else {
    output[i] = Real(gelu(vec4f(f32(input[i]))).value.x);
  }
}
