// Gradient of patchify for the images.
//
//   d_images[b, c, y, x] = statistics[b, c, 1] d_output[(b, y / P, x / P), (c, y mod P, x mod P)]
//
// and 0 beyond the last whole patch. Shapes as in patchify. One invocation per pixel;
// grid: [invocations of one image and channel, batch, channels].

struct Params {
  channels: u32,
  height: u32,
  width: u32,
  // Of a patch, P above.
  side: u32,
  // Patches down and across.
  rows: u32,
  columns: u32,
  // 0 when one set of statistics serves all images, else 2 channels.
  statistics_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_output: array<Real>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_images: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let size = params.height * params.width;
  let pixel = group.x * 64u + lane;
  if (pixel >= size) {
    return;
  }
  let b = group.y;
  let c = group.z;
  let x = pixel % params.width;
  let y = pixel / params.width;
  let gx = x / params.side;
  let gy = y / params.side;
  var value = 0.0;
  if (gx < params.columns && gy < params.rows) {
    let row = (b * params.rows + gy) * params.columns + gx;
    let line = (row * params.channels + c) * params.side + y % params.side;
    value = f32(d_output[line * params.side + x % params.side])
      * statistics[b * params.statistics_stride + 2u * c + 1u];
  }
  d_images[(b * params.channels + c) * size + pixel] = value;
}
