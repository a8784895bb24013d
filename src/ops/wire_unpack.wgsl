// What wire_pack.wgsl has packed, as f32 again; exact.
//
//   output[2 i], output[2 i + 1] = wide(lower, upper half of input[first + i])

struct Params {
  length: u32,
  first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

override HALF: bool = false;

fn from_f16(half: u32) -> u32 {
  let sign = (half & 0x8000u) << 16u;
  let exponent = (half >> 10u) & 31u;
  let mantissa = half & 0x3ffu;
  if (exponent == 31u) {
    return sign | 0x7f800000u | (mantissa << 13u);
  }
  if (exponent > 0u) {
    return sign | ((exponent + 112u) << 23u) | (mantissa << 13u);
  }
  if (mantissa == 0u) {
    return sign;
  }
  // A multiple of 2^-24.
  let top = firstLeadingBit(mantissa);
  let rest = (mantissa << (23u - top)) & 0x7fffffu;
  return sign | ((top + 103u) << 23u) | rest;
}

fn wide(half: u32) -> u32 {
  if (HALF) {
    return from_f16(half);
  }
  return half << 16u;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (2u * i >= params.length) {
    return;
  }
  let word = input[params.first + i];
  output[2u * i] = wide(word & 0xffffu);
  if (2u * i + 1u < params.length) {
    output[2u * i + 1u] = wide(word >> 16u);
  }
}
