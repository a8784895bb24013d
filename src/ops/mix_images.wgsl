// Images mixed in pairs (mixup, CutMix).
//
//   output[b] = inside the box of b ? images[partner] :
//     share images[b] + (1 - share) images[partner]
//
// images [all, 3 * pixels], the first `rows` of them mixed; mixing [rows, 8]: partner,
// share of the pixels, share of the label, 0, left, top, right, bottom; output [rows,
// 3 * pixels]. Grid: [slices of an image, rows].

override WORKGROUP_SIZE: u32 = 8;

const SLICE: u32 = 1024;

struct Params {
  height: u32,
  width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> images: array<f32>;
@group(0) @binding(2) var<storage, read> mixing: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y;
  let pixels = params.height * params.width;
  let size = 3u * pixels;
  let at = row * 8u;
  let partner = mixing[at] * size;
  let share = bitcast<f32>(mixing[at + 1u]);
  let left = mixing[at + 4u];
  let top = mixing[at + 5u];
  let right = mixing[at + 6u];
  let bottom = mixing[at + 7u];
  let end = min((group.x + 1u) * SLICE, size);
  for (var i = group.x * SLICE + lane; i < end; i += WORKGROUP_SIZE) {
    let pixel = i % pixels;
    let x = pixel % params.width;
    let y = pixel / params.width;
    let inside = x >= left && x < right && y >= top && y < bottom;
    let own = images[row * size + i];
    let other = images[partner + i];
    output[row * size + i] = select(share * own + (1.0 - share) * other, other, inside);
  }
}
