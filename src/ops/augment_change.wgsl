// One change of each view: each row of the batch has its own, by its plan.
//
//   tables      v = table[v], from augment_tables
//   colour      v = brightness v;  v = pivot + contrast (v - pivot);
//               v = gray + saturation (v - gray), clamped; then the hue turned
//   move        the same, of the pixel at matrix (x, y) + offset, bilinear, the fill colour
//               outside
//   sharpness   v = smooth + factor (v - smooth), smooth = (3 x 3 sum + 4 v) / 13;
//               not at the border
//
// pivot = means . pivot weights; gray = (.299, .587, .114) . v. input: words of red, green
// and blue bytes, [batch, height, width]; plan [batch, plan_stride]; tables [batch, 260];
// output: the same words, or with LAST f32 [batch, 3, height, width] with up to three
// rectangles laid over. Grid: [slices, batch]. Each kind has a loop of its own, since CPU
// adapters run all branches of a loop's body.

override WORKGROUP_SIZE: u32 = 8;
override LAST: bool = false;
override NOISE: bool = false;
override COVERED: bool = false;
override HUE: bool = false;

const SLICE: u32 = 1024;
const TABLE_WORDS: u32 = 260;
const LUMA = vec3f(0.299, 0.587, 0.114);
const SHARPNESS: u32 = 7;
const COLOUR: u32 = 8;
const MOVE: u32 = 9;

struct Params {
  height: u32,
  width: u32,
  plan_stride: u32,
  // First word of the change in a row's record.
  change: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> plan: array<u32>;
@group(0) @binding(3) var<storage, read> tables: array<u32>;
@group(0) @binding(4) var<storage, read_write> output: array<u32>;

// Of the row, for `write`: read once, since buffers are slow on CPU adapters.
var<private> cover0: Cover;
var<private> cover1: Cover;
var<private> cover2: Cover;
var<private> inner: CoverInner;
var<private> noise_key: u32;

struct Colour {
  brightness: f32,
  contrast: f32,
  saturation: f32,
  // In turns.
  hue: f32,
  pivot: f32,
}

fn plan_vec3f(at: u32) -> vec3f {
  return vec3f(plan_f32(at), plan_f32(at + 1u), plan_f32(at + 2u));
}

fn unpack(word: u32) -> vec3f {
  return unpack4x8unorm(word).xyz;
}

fn fetch(start: u32, x: i32, y: i32, fill: vec3f) -> vec3f {
  let last = vec2i(i32(params.width), i32(params.height)) - 1;
  let place = clamp(vec2i(x, y), vec2i(), last);
  let value = unpack(input[start + u32(place.y) * params.width + u32(place.x)]);
  return select(fill, value, x == place.x && y == place.y);
}

fn bilinear(start: u32, place: vec2f, fill: vec3f) -> vec3f {
  let corner = floor(place);
  let part = place - corner;
  let x = i32(corner.x);
  let y = i32(corner.y);
  let top = mix(fetch(start, x, y, fill), fetch(start, x + 1, y, fill), part.x);
  let bottom = mix(
    fetch(start, x, y + 1, fill),
    fetch(start, x + 1, y + 1, fill),
    part.x,
  );
  return mix(top, bottom, part.y);
}

// The colour with its hue turned, in HSV.
fn turn_hue(v: vec3f, turns: f32) -> vec3f {
  let top = max(v.x, max(v.y, v.z));
  let chroma = top - min(v.x, min(v.y, v.z));
  let divisor = select(chroma, 1.0, chroma == 0.0);
  var sixths = select(
    select(4.0 + (v.x - v.y) / divisor, 2.0 + (v.z - v.x) / divisor, top == v.y),
    (v.y - v.z) / divisor,
    top == v.x,
  );
  sixths += 6.0 * turns;
  let k = vec3f(5.0, 3.0, 1.0) + sixths;
  let place = k - 6.0 * floor(k / 6.0);
  return top - chroma * clamp(min(place, 4.0 - place), vec3f(), vec3f(1.0));
}

fn recolour(colour: Colour, original: vec3f) -> vec3f {
  var value = original * colour.brightness;
  value = colour.pivot + (value - colour.pivot) * colour.contrast;
  let gray = dot(value, LUMA);
  value = clamp(gray + (value - gray) * colour.saturation, vec3f(), vec3f(1.0));
  if (HUE) {
    value = turn_hue(value, colour.hue);
  }
  return value;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y;
  let size = params.height * params.width;
  let end = min((group.x + 1u) * SLICE, size);
  let first = group.x * SLICE + lane;
  let start = row * size;
  let at = row * params.plan_stride + params.change;
  let code = plan[at];
  let table = row * TABLE_WORDS;
  let means = vec3f(
    bitcast<f32>(tables[table + 256u]),
    bitcast<f32>(tables[table + 257u]),
    bitcast<f32>(tables[table + 258u]),
  );
  if (COVERED) {
    let base = row * params.plan_stride;
    cover0 = plan_cover(base, 0u);
    cover1 = plan_cover(base, 1u);
    cover2 = plan_cover(base, 2u);
    noise_key = plan[base + 3u];
    inner.mean = vec3f((means.x + means.y + means.z) / 3.0);
  }

  for (var i = first; i < select(0u, end, code < SHARPNESS); i += WORKGROUP_SIZE) {
    let word = input[start + i];
    let red = tables[table + (word & 255u)] & 0xffu;
    let green = tables[table + ((word >> 8u) & 255u)] & 0xff00u;
    let blue = tables[table + ((word >> 16u) & 255u)] & 0xff0000u;
    write(row, i, unpack(red | green | blue));
  }

  let colour = Colour(
    plan_f32(at + 10u),
    plan_f32(at + 11u),
    plan_f32(at + 12u),
    plan_f32(at + 3u),
    dot(means, plan_vec3f(at + 13u)),
  );
  for (var i = first; i < select(0u, end, code == COLOUR); i += WORKGROUP_SIZE) {
    write(row, i, recolour(colour, unpack(input[start + i])));
  }

  let matrix = mat2x2f(
    plan_f32(at + 4u),
    plan_f32(at + 6u),
    plan_f32(at + 5u),
    plan_f32(at + 7u),
  );
  let offset = vec2f(plan_f32(at + 8u), plan_f32(at + 9u));
  let fill = plan_vec3f(at + 16u);
  for (var i = first; i < select(0u, end, code == MOVE); i += WORKGROUP_SIZE) {
    let place = matrix * vec2f(f32(i % params.width), f32(i / params.width)) + offset;
    write(row, i, recolour(colour, bilinear(start, place, fill)));
  }

  let factor = plan_f32(at + 2u);
  for (var i = first; i < select(0u, end, code == SHARPNESS); i += WORKGROUP_SIZE) {
    let x = i32(i % params.width);
    let y = i32(i / params.width);
    let value = unpack(input[start + i]);
    var sum = 4.0 * value;
    for (var dy = -1; dy <= 1; dy++) {
      for (var dx = -1; dx <= 1; dx++) {
        sum += fetch(start, x + dx, y + dy, vec3f());
      }
    }
    let is_inner = x > 0 && y > 0 && x + 1 < i32(params.width)
      && y + 1 < i32(params.height);
    let smooth_value = select(value, sum / 13.0, is_inner);
    let sharp = smooth_value + (value - smooth_value) * factor;
    write(row, i, clamp(sharp, vec3f(), vec3f(1.0)));
  }
}

fn write(row: u32, i: u32, original: vec3f) {
  let size = params.height * params.width;
  if (!LAST) {
    output[row * size + i] = pack4x8unorm(vec4f(original, 0.0));
    return;
  }
  var value = original;
  if (COVERED) {
    let x = i32(i % params.width);
    let y = i32(i / params.width);
    if (NOISE) {
      inner.noise = noise(noise_key, x, y);
    }
    value = covered(cover0, x, y, inner, original);
    value = covered(cover1, x, y, inner, value);
    value = covered(cover2, x, y, inner, value);
  }
  let start = 3u * row * size + i;
  output[start] = bitcast<u32>(value.x);
  output[start + size] = bitcast<u32>(value.y);
  output[start + 2u * size] = bitcast<u32>(value.z);
}
