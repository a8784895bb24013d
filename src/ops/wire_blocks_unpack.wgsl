// What wire_blocks_pack.wgsl has packed, as f32 again.
//
//   output[i] = q[i] 2^(e - 133) scale[0], NaN where e is 255
//
// One invocation per word of 4 values. output [length], bits of f32.

struct Params {
  length: u32,
  groups: u32,
  // First group of the tensor in `input`.
  first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

const BLOCK: u32 = 32u;
const GROUP_VALUES: u32 = 128u;
const GROUP_WORDS: u32 = 33u;
const NAN: u32 = 0x7fc00000u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = 4u * ((group.y * groups.x + group.x) * 64u + local);
  if (first >= params.length) {
    return;
  }
  let place = first % GROUP_VALUES;
  let word = (params.first + first / GROUP_VALUES) * GROUP_WORDS;
  let exponent = (input[word] >> (8u * (place / BLOCK))) & 0xffu;
  let down = bitcast<f32>((max(exponent, 8u) - 6u) << 23u) * scale[0];
  let packed = input[word + 1u + place / 4u];
  for (var k = 0u; k < 4u; k += 1u) {
    if (first + k >= params.length) {
      return;
    }
    // The shift to the left and back extends the sign.
    let q = bitcast<i32>(packed << (24u - 8u * k)) >> 24u;
    output[first + k] = select(bitcast<u32>(f32(q) * down), NAN, exponent == 255u);
  }
}
