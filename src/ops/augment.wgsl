// Random views of images of the store, in 0..1: crop, resize, shift and mirror, then up
// to three rectangles laid over.
//
//   place = (mirrored ? out_width - 1 - x : x, y) + shift
//   view[b, :, y, x] = crop_b resized to [out_height, out_width] at place
//
// Outside the view come zeros or, with `reflect`, its mirror image. RESIZE: a triangle
// filter stretched by the scale when shrinking (antialiasing), half-pixel centres, as
// src/data/resize.ts, only not rounded to bytes between the axes. Without RESIZE the
// view has the size of the stored image and takes single pixels.
//
// pixels: bytes of one shard of the store, [count, channels, height, width], each image
// from a whole word on; indices [batch]; plan [batch, plan_stride]; output f32 [batch,
// 3, out_height, out_width], or with PACKED [batch, out_height, out_width] words of
// red, green and blue bytes. Each shard's dispatch writes the rows whose image it holds;
// the first also writes zeros where an index is no image. Grid: [slices, batch].

override WORKGROUP_SIZE: u32 = 8;
override RESIZE: bool = false;
override PACKED: bool = false;
override COVERED: bool = false;
override NOISE: bool = false;

const SLICE: u32 = 1024;

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
  out_height: u32,
  out_width: u32,
  reflect: u32,
  plan_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read> plan: array<u32>;
@group(0) @binding(4) var<storage, read_write> output: array<u32>;

struct Crop {
  at: vec2i,
  size: vec2i,
}

// One pixel inside the image, all channels.
fn fetch(image: u32, place: vec2i) -> vec3f {
  let size = params.height * params.width;
  let at = u32(place.y) * params.width + u32(place.x);
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

fn resized(image: u32, crop: Crop, place: vec2i) -> vec3f {
  let scale = vec2f(crop.size) / vec2f(f32(params.out_width), f32(params.out_height));
  let stretch = max(scale, vec2f(1.0));
  let centre = (vec2f(place) + 0.5) * scale;
  let first = max(vec2i(centre - stretch + 0.5), vec2i(0));
  let end = min(vec2i(centre + stretch + 0.5), crop.size);
  var sum = vec3f();
  var total = 0.0;
  for (var y = first.y; y < end.y; y++) {
    let weight_y = max(1.0 - abs(f32(y) - centre.y + 0.5) / stretch.y, 0.0);
    for (var x = first.x; x < end.x; x++) {
      let weight = weight_y
        * max(1.0 - abs(f32(x) - centre.x + 0.5) / stretch.x, 0.0);
      sum += weight * fetch(image, crop.at + vec2i(x, y));
      total += weight;
    }
  }
  return sum / total;
}

fn write(row: u32, i: u32, value: vec3f) {
  let size = params.out_height * params.out_width;
  if (PACKED) {
    output[row * size + i] = pack4x8unorm(vec4f(value, 0.0));
    return;
  }
  let start = 3u * row * size + i;
  output[start] = bitcast<u32>(value.x);
  output[start + size] = bitcast<u32>(value.y);
  output[start + 2u * size] = bitcast<u32>(value.z);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y;
  let index = indices[row];
  let end = min((group.x + 1u) * SLICE, params.out_height * params.out_width);
  let first_pixel = group.x * SLICE + lane;
  if (index >= params.total) {
    if (params.first == 0u) {
      for (var i = first_pixel; i < end; i += WORKGROUP_SIZE) {
        write(row, i, vec3f());
      }
    }
    return;
  }
  if (index < params.first || index >= params.first + params.count) {
    return;
  }
  let image = (index - params.first) * params.stride;
  let base = row * params.plan_stride;
  let shift = plan_vec2i(base);
  let mirrored = plan[base + 2u] != 0u;
  let key = plan[base + 3u];
  let crop = Crop(plan_vec2i(base + 4u), plan_vec2i(base + 6u));
  let last = vec2i(i32(params.out_width), i32(params.out_height)) - 1;
  let cover0 = plan_cover(base, 0u);
  let cover1 = plan_cover(base, 1u);
  let cover2 = plan_cover(base, 2u);

  for (var i = first_pixel; i < end; i += WORKGROUP_SIZE) {
    let x = i32(i % params.out_width);
    let y = i32(i / params.out_width);
    var place = vec2i(select(x, last.x - x, mirrored), y) + shift;
    let outside = any(place < vec2i()) || any(place > last);
    place = clamp(last - abs(last - abs(place)), vec2i(), last);
    var value: vec3f;
    if (RESIZE) {
      value = resized(image, crop, place);
    } else {
      value = fetch(image, place);
    }
    value = select(value, vec3f(), outside && params.reflect == 0u);
    if (COVERED) {
      var inner = CoverInner();
      if (NOISE) {
        inner.noise = noise(key, x, y);
      }
      value = covered(cover0, x, y, inner, value);
      value = covered(cover1, x, y, inner, value);
      value = covered(cover2, x, y, inner, value);
    }
    write(row, i, value);
  }
}
