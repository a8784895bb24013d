// Normalised images as rows of patches, the input of the patch embedding.
//
//   output[(b, gy, gx), (c, y, x)] =
//     (images[b, c, gy P + y, gx P + x] - statistics[b, c, 0]) statistics[b, c, 1]
//
// images [batch, channels, height, width]; statistics [batch or 1, channels, 2] are the
// mean and 1 / deviation; output [batch * rows * columns, channels * P * P]. Pixels
// beyond the last whole patch are left out. One invocation per line of a patch;
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
@group(0) @binding(1) var<storage, read> images: array<f32>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  // Neighbouring lanes take neighbouring patches of one image line.
  let line = group.x * 8u + lane;
  if (line >= params.rows * params.side * params.columns) {
    return;
  }
  let gx = line % params.columns;
  let image_y = line / params.columns;
  let gy = image_y / params.side;
  let y = image_y % params.side;
  let b = group.y;
  let c = group.z;
  let at = b * params.statistics_stride + 2u * c;
  let mean = statistics[at];
  let scale = statistics[at + 1u];
  let source = ((b * params.channels + c) * params.height + image_y) * params.width
    + gx * params.side;
  let row = (b * params.rows + gy) * params.columns + gx;
  let target_start = ((row * params.channels + c) * params.side + y) * params.side;
  for (var x = 0u; x < params.side; x++) {
    output[target_start + x] = (images[source + x] - mean) * scale;
  }
}
