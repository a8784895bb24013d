// Two values of 16 bits in a word, for the way to other ranks.
//
//   output[first + i] = narrow(input[2 i]) | narrow(input[2 i + 1]) << 16
//
// Rounded to nearest, ties to even, in integers: pack2x16float may round as the
// driver likes, and floats may lose subnormals. HALF: f16, where what is beyond
// the range becomes an infinity; else bf16, the upper half of an f32.

struct Params {
  length: u32,
  first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

override HALF: bool = false;

fn to_bf16(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return (bits >> 16u) | 0x40u;
  }
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}

fn to_f16(bits: u32) -> u32 {
  let sign = (bits >> 16u) & 0x8000u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return sign | 0x7e00u;
  }
  // 65520 and more.
  if (magnitude >= 0x477ff000u) {
    return sign | 0x7c00u;
  }
  // 2^-14, the least normal f16, and more.
  if (magnitude >= 0x38800000u) {
    let rounded = magnitude + 0xfffu + ((magnitude >> 13u) & 1u);
    return sign | ((rounded - 0x38000000u) >> 13u);
  }
  // Less than 2^-25.
  if (magnitude < 0x33000000u) {
    return sign;
  }
  // Multiples of 2^-24; a round up to 2^-14 carries into the exponent.
  let mantissa = (magnitude & 0x7fffffu) | 0x800000u;
  let shift = 126u - (magnitude >> 23u);
  let whole = mantissa >> shift;
  let rest = mantissa & ((1u << shift) - 1u);
  let middle = 1u << (shift - 1u);
  let up = rest > middle || (rest == middle && (whole & 1u) == 1u);
  return sign | (whole + select(0u, 1u, up));
}

fn narrow(i: u32) -> u32 {
  if (i >= params.length) {
    return 0u;
  }
  if (HALF) {
    return to_f16(input[i]);
  }
  return to_bf16(input[i]);
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
  output[params.first + i] = narrow(2u * i) | (narrow(2u * i + 1u) << 16u);
}
