// What a change of a view needs to know of the whole image: the table that maps bytes of
// each channel, or the channels' means.
//
//   auto-contrast   (i - lowest) 255 / (highest - lowest)
//   equalize        (step / 2 + pixels below i) / step,  step = (all - highest's) / 255
//   invert          255 - i
//   solarize        i < amount ? i : 255 - i
//   solarize-add    i < 128 ? i + amount : i
//   posterize       i with its upper `amount` bits
//
// in whole numbers, clamped to 0..255; auto-contrast and equalize leave a channel that
// they cannot spread. input: words of red, green and blue bytes, [batch, pixels]; plan
// [batch, plan_stride]; output [batch, 260]: entry i of the three tables as bytes of word i,
// then the three means in 0..1 as f32. One workgroup an image; grid: [batch].

override WORKGROUP_SIZE: u32 = 8;

const AUTO_CONTRAST: u32 = 1;
const EQUALIZE: u32 = 2;
const INVERT: u32 = 3;
const SOLARIZE: u32 = 4;
const SOLARIZE_ADD: u32 = 5;
const POSTERIZE: u32 = 6;
const SHARPNESS: u32 = 7;
const OUTPUT_WORDS: u32 = 260;

struct Params {
  pixels: u32,
  plan_stride: u32,
  // First word of the change in a row's record.
  change: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> plan: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

var<workgroup> counts: array<atomic<u32>, 768>;
var<workgroup> equalized: array<u32, 768>;
var<workgroup> lowest: array<vec3u, WORKGROUP_SIZE>;
var<workgroup> highest: array<vec3u, WORKGROUP_SIZE>;
var<workgroup> sums: array<vec3u, WORKGROUP_SIZE>;

fn bytes_of(word: u32) -> vec3u {
  return (vec3u(word) >> vec3u(0u, 8u, 16u)) & vec3u(255u);
}

fn word_of(bytes: vec3u) -> u32 {
  return bytes.x | (bytes.y << 8u) | (bytes.z << 16u);
}

// The tables that no histogram decides.
fn entry(code: u32, amount: u32, i: u32) -> u32 {
  switch code {
    case INVERT: {
      return 255u - i;
    }
    case SOLARIZE: {
      return select(255u - i, i, i < amount);
    }
    case SOLARIZE_ADD: {
      return select(i, min(i + amount, 255u), i < 128u);
    }
    case POSTERIZE: {
      return i & ~((1u << (8u - amount)) - 1u);
    }
    default: {
      return i;
    }
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x;
  let at = row * params.plan_stride + params.change;
  let code = plan[at];
  let amount = plan[at + 1u];
  let equalizes = code == EQUALIZE;
  let measures = code == AUTO_CONTRAST || plan[at + 19u] != 0u;
  let start = row * params.pixels;
  // Bounds of loops instead of branches: CPU adapters run both sides of a branch.
  let all = select(0u, params.pixels, measures);
  var low = vec3u(255u);
  var high = vec3u();
  var sum = vec3u();
  for (var i = lane; i < all; i += WORKGROUP_SIZE) {
    let bytes = bytes_of(input[start + i]);
    low = min(low, bytes);
    high = max(high, bytes);
    sum += bytes;
  }
  lowest[lane] = low;
  highest[lane] = high;
  sums[lane] = sum;
  for (var i = lane; i < select(0u, 768u, equalizes); i += WORKGROUP_SIZE) {
    atomicStore(&counts[i], 0u);
  }
  workgroupBarrier();

  for (var i = lane; i < select(0u, params.pixels, equalizes); i += WORKGROUP_SIZE) {
    let bytes = bytes_of(input[start + i]);
    atomicAdd(&counts[bytes.x], 1u);
    atomicAdd(&counts[256u + bytes.y], 1u);
    atomicAdd(&counts[512u + bytes.z], 1u);
  }
  for (var other = 0u; other < WORKGROUP_SIZE; other++) {
    low = min(low, lowest[other]);
    high = max(high, highest[other]);
  }
  workgroupBarrier();

  // Equalized tables: a lane each, since every entry needs those below.
  let first = 256u * lane;
  let last = select(0u, 256u, equalizes && lane < 3u);
  var occupied = 0u;
  var top = 0u;
  for (var i = 0u; i < last; i++) {
    let count = atomicLoad(&counts[first + i]);
    top = select(top, count, count > 0u);
    occupied += min(count, 1u);
  }
  let step = select(0u, (params.pixels - top) / 255u, occupied > 1u);
  var below = step / 2u;
  for (var i = 0u; i < last; i++) {
    equalized[first + i] = select(i, min(below / max(step, 1u), 255u), step > 0u);
    below += atomicLoad(&counts[first + i]);
  }
  workgroupBarrier();

  let target_start = row * OUTPUT_WORDS;
  let range = select(high - low, vec3u(1u), high <= low);
  let spreads = high > low;
  let plain_end = select(256u, 0u, equalizes || code >= SHARPNESS);
  for (var i = lane; i < plain_end; i += WORKGROUP_SIZE) {
    let spread = (clamp(vec3u(i), low, max(low, high)) - low) * 255u / range;
    let bytes = select(
      vec3u(entry(code, amount, i)),
      spread,
      spreads & vec3<bool>(code == AUTO_CONTRAST),
    );
    output[target_start + i] = word_of(bytes);
  }
  for (var i = lane; i < select(0u, 256u, equalizes); i += WORKGROUP_SIZE) {
    output[target_start + i] = word_of(
      vec3u(equalized[i], equalized[256u + i], equalized[512u + i]),
    );
  }
  if (lane == 0u) {
    var total = vec3u();
    for (var other = 0u; other < WORKGROUP_SIZE; other++) {
      total += sums[other];
    }
    let means = vec3f(total) / (255.0 * f32(params.pixels));
    output[target_start + 256u] = bitcast<u32>(means.x);
    output[target_start + 257u] = bitcast<u32>(means.y);
    output[target_start + 258u] = bitcast<u32>(means.z);
  }
}
