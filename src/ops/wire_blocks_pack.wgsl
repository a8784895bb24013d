// Blocks of 8-bit values with a shared power of 2 (MXINT8 of the OCP Microscaling
// formats 1.0), for the way to other ranks, with error feedback.
//
//   v[i]        = input[i] / scale[0] + residual[start + i]
//   e           = biased exponent of the block's largest |v|, at least 8; 255 if one is not finite
//   q[i]        = round(v[i] 2^(133 - e)), at most 127
//   residual[i] = v[i] - q[i] 2^(e - 133)        exact; stays as it is when e is 255
//
// A group has 4 blocks of 32 values in 33 words: the exponents, a byte each, then the
// values, 4 a word. One invocation per group, so that no barrier is needed.
//
// input [length], bits of f32; scale [1 or more]; residual [start + 128 groups or more].

struct Params {
  length: u32,
  groups: u32,
  // First group of the tensor in `output` and `residual`.
  first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<u32>;

const BLOCK: u32 = 32u;
const GROUP_VALUES: u32 = 128u;
const GROUP_WORDS: u32 = 33u;
const MAGNITUDE: u32 = 0x7fffffffu;
const INFINITE: u32 = 0x7f800000u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= params.groups) {
    return;
  }
  let place = (params.first + i) * GROUP_VALUES;
  let word = (params.first + i) * GROUP_WORDS;
  var exponents = 0u;
  for (var block = 0u; block < 4u; block += 1u) {
    var values: array<f32, BLOCK>;
    // Magnitudes rise with their bits.
    var top = 0u;
    for (var j = 0u; j < BLOCK; j += 1u) {
      let at = i * GROUP_VALUES + block * BLOCK + j;
      var bits = 0u;
      if (at < params.length) {
        bits = input[at];
      }
      let value = bitcast<f32>(bits) / scale[0] + residual[place + block * BLOCK + j];
      values[j] = value;
      top = max(top, max(bits & MAGNITUDE, bitcast<u32>(value) & MAGNITUDE));
    }
    let finite = top < INFINITE;
    var largest = 0u;
    for (var j = 0u; j < BLOCK; j += 1u) {
      largest = max(largest, bitcast<u32>(values[j]) & MAGNITUDE);
    }
    let exponent = select(255u, max(largest >> 23u, 8u), finite);
    exponents |= exponent << (8u * block);
    if (!finite) {
      for (var j = 0u; j < BLOCK / 4u; j += 1u) {
        output[word + 1u + block * (BLOCK / 4u) + j] = 0u;
      }
      continue;
    }
    let up = bitcast<f32>((260u - exponent) << 23u);
    let down = bitcast<f32>((exponent - 6u) << 23u);
    for (var j = 0u; j < BLOCK; j += 4u) {
      var packed = 0u;
      for (var k = 0u; k < 4u; k += 1u) {
        let value = values[j + k];
        let q = clamp(round(value * up), -127.0, 127.0);
        residual[place + block * BLOCK + j + k] = value - q * down;
        packed |= (bitcast<u32>(i32(q)) & 0xffu) << (8u * k);
      }
      output[word + 1u + (block * BLOCK + j) / 4u] = packed;
    }
  }
  output[word] = exponents;
}
