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
var<workgroup> table: array<u32, 768>;
var<workgroup> sums: array<f32, 3>;

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
  let counted = code == AUTO_CONTRAST || code == EQUALIZE || plan[at + 19u] != 0u;
  for (var i = lane; i < 768u; i += WORKGROUP_SIZE) {
    atomicStore(&counts[i], 0u);
  }
  workgroupBarrier();
  let start = row * params.pixels;
  let end = select(0u, params.pixels, counted);
  for (var i = lane; i < end; i += WORKGROUP_SIZE) {
    let word = input[start + i];
    atomicAdd(&counts[word & 255u], 1u);
    atomicAdd(&counts[256u + ((word >> 8u) & 255u)], 1u);
    atomicAdd(&counts[512u + ((word >> 16u) & 255u)], 1u);
  }
  workgroupBarrier();

  if (lane < 3u) {
    let first = 256u * lane;
    var lowest = 255u;
    var highest = 0u;
    var sum = 0u;
    for (var i = 0u; i < select(0u, 256u, counted); i++) {
      let count = atomicLoad(&counts[first + i]);
      sum += count * i;
      if (count > 0u) {
        lowest = min(lowest, i);
        highest = i;
      }
    }
    sums[lane] = f32(sum) / (255.0 * f32(params.pixels));
    let range = max(highest, lowest + 1u) - lowest;
    let spreads = counted && highest > lowest;
    let unequal = params.pixels - atomicLoad(&counts[first + highest]);
    let step = select(0u, unequal / 255u, spreads);
    var below = step / 2u;
    for (var i = 0u; i < 256u; i++) {
      var value = entry(code, amount, i);
      if (code == AUTO_CONTRAST && spreads) {
        value = (clamp(i, lowest, highest) - lowest) * 255u / range;
      }
      if (code == EQUALIZE && step > 0u) {
        value = min(below / step, 255u);
        below += atomicLoad(&counts[first + i]);
      }
      table[first + i] = value;
    }
  }
  workgroupBarrier();

  let target_start = row * OUTPUT_WORDS;
  for (var i = lane; i < 256u; i += WORKGROUP_SIZE) {
    output[target_start + i] = table[i] | (table[256u + i] << 8u)
      | (table[512u + i] << 16u);
  }
  if (lane < 3u) {
    output[target_start + 256u + lane] = bitcast<u32>(sums[lane]);
  }
}
