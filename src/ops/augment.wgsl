// One random view of each image of a batch, in 0..1.
//
// Weak view: shift by up to `padding` pixels with zeros from outside, and a mirror
// image half of the time. Strong view (STRONG): the weak view's place, then
//
//   source = centre + rotation shear (place - centre) + translation     bilinear
//   v = brightness v;  v = mean + contrast (v - mean);  v = gray + saturation (v - gray)
//
// clamped to 0..1, and a square of the image's mean laid over it. All random values are
// words of philox((seed, stream), (draw, positions[b], step, salt)).
//
// pixels: bytes of one shard of the store, [count, channels, height, width], each image
// from a whole word on; means [all images]; indices, positions [batch]; output
// [batch, 3, height, width]. Each shard's dispatch writes the rows whose image it
// holds; the first also writes zeros where an index is no image. Grid: [slices, batch].

override WORKGROUP_SIZE: u32 = 8;
override STRONG: bool = false;

const SLICE: u32 = 1024;
const MAX_ROTATION: f32 = 0.5235988;
const MAX_SHEAR: f32 = 0.2;
const MAX_TRANSLATION: f32 = 0.125;
const MAX_COLOUR: f32 = 0.5;

struct Params {
  first: u32,
  count: u32,
  // Of all shards.
  total: u32,
  channels: u32,
  height: u32,
  width: u32,
  // Words that one image takes.
  stride: u32,
  padding: u32,
  flip: u32,
  salt: u32,
  // Largest side of the square that is laid over.
  max_cutout: u32,
  strength: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> pixels: array<u32>;
@group(0) @binding(3) var<storage, read> means: array<f32>;
@group(0) @binding(4) var<storage, read> indices: array<u32>;
@group(0) @binding(5) var<storage, read> positions: array<u32>;
@group(0) @binding(6) var<storage, read_write> output: array<f32>;

fn draw(b: u32, number: u32) -> vec4u {
  return philox(
    vec2u(step.seed, step.stream),
    vec4u(number, positions[b], step.step, params.salt),
  );
}

// In [-strength, strength).
fn signed(word: u32) -> f32 {
  return (2.0 * uniform01(word) - 1.0) * params.strength;
}

// One pixel of all channels; zeros outside.
fn fetch(image: u32, x: i32, y: i32) -> vec3f {
  if (x < 0 || y < 0 || x >= i32(params.width) || y >= i32(params.height)) {
    return vec3f();
  }
  let size = params.height * params.width;
  let at = u32(y) * params.width + u32(x);
  let red = byte_at(image, at);
  if (params.channels == 1u) {
    return vec3f(red);
  }
  return vec3f(red, byte_at(image, at + size), byte_at(image, at + 2u * size));
}

fn byte_at(image: u32, at: u32) -> f32 {
  let word = pixels[image + (at >> 2u)];
  return f32((word >> (8u * (at & 3u))) & 255u) / 255.0;
}

fn bilinear(image: u32, place: vec2f) -> vec3f {
  let corner = floor(place);
  let part = place - corner;
  let x = i32(corner.x);
  let y = i32(corner.y);
  let top = mix(fetch(image, x, y), fetch(image, x + 1, y), part.x);
  let bottom = mix(fetch(image, x, y + 1), fetch(image, x + 1, y + 1), part.x);
  return mix(top, bottom, part.y);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let b = group.y;
  let index = indices[b];
  let size = params.height * params.width;
  let start = b * 3u * size;
  let end = min((group.x + 1u) * SLICE, size);
  let first_pixel = group.x * SLICE + lane;
  if (index >= params.total) {
    if (params.first == 0u) {
      for (var i = first_pixel; i < end; i += WORKGROUP_SIZE) {
        output[start + i] = 0.0;
        output[start + size + i] = 0.0;
        output[start + 2u * size + i] = 0.0;
      }
    }
    return;
  }
  if (index < params.first || index >= params.first + params.count) {
    return;
  }
  let image = (index - params.first) * params.stride;

  let weak = draw(b, 0u);
  let shifts = 2u * params.padding + 1u;
  let shift = vec2i(
    i32(multiply_high(weak.x, shifts)),
    i32(multiply_high(weak.y, shifts)),
  ) - i32(params.padding);
  let mirrored = params.flip == 1u && (weak.z & 1u) == 1u;

  var matrix = mat2x2f();
  var offset = vec2f();
  var colour = vec3f();
  var mean = 0.0;
  var cut = vec2i();
  var cut_side = 0;
  if (STRONG) {
    let affine = draw(b, 1u);
    let more = draw(b, 2u);
    let cutout = draw(b, 3u);
    let extent = vec2f(f32(params.width), f32(params.height));
    let centre = (extent - 1.0) / 2.0;
    let angle = signed(affine.x) * MAX_ROTATION;
    let rotation = mat2x2f(cos(angle), sin(angle), -sin(angle), cos(angle));
    let shear_x = signed(affine.y) * MAX_SHEAR;
    let shear_y = signed(affine.z) * MAX_SHEAR;
    matrix = rotation * mat2x2f(1.0, shear_y, shear_x, 1.0);
    let translation = vec2f(signed(more.x), signed(more.y)) * MAX_TRANSLATION
      * extent;
    offset = centre - matrix * centre + translation;
    colour = 1.0 + vec3f(signed(more.z), signed(more.w), signed(affine.w))
      * MAX_COLOUR;
    mean = means[index];
    let side = multiply_high(cutout.x, params.max_cutout + 1u);
    cut_side = i32(side);
    cut = vec2i(
      i32(multiply_high(cutout.y, params.width)),
      i32(multiply_high(cutout.z, params.height)),
    ) - i32(side / 2u);
  }

  for (var i = first_pixel; i < end; i += WORKGROUP_SIZE) {
    let x = i32(i % params.width);
    let y = i32(i / params.width);
    let place = vec2i(select(x, i32(params.width) - 1 - x, mirrored), y) + shift;
    var value: vec3f;
    if (STRONG) {
      value = bilinear(image, matrix * vec2f(place) + offset);
      value *= colour.x;
      value = mean + (value - mean) * colour.y;
      let gray = dot(value, vec3f(0.299, 0.587, 0.114));
      value = clamp(gray + (value - gray) * colour.z, vec3f(), vec3f(1.0));
      let inside = vec2i(x, y) - cut;
      if (
        inside.x >= 0 && inside.y >= 0 && inside.x < cut_side
          && inside.y < cut_side
      ) {
        value = vec3f(mean);
      }
    } else {
      value = fetch(image, place.x, place.y);
    }
    output[start + i] = value.x;
    output[start + size + i] = value.y;
    output[start + 2u * size + i] = value.z;
  }
}
