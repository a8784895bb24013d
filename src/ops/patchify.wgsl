// Normalised images as rows of patches, the input of the patch embedding.
//
//   output[(b, gy, gx), (c, y, x)] =
//     (images[b, c, gy P + y, gx P + x] - statistics[b, c, 0]) statistics[b, c, 1]
//
// first: images [batch, channels, height, width]; statistics [batch or 1, channels, 2]
// are the mean and 1 / deviation; output [batch * rows * columns, channels * P * P].
// Pixels beyond the last whole patch are left out. Widths are counted in Wide. One
// invocation per channel of a patch; grid: [invocations of one channel, batch, channels].

struct Params {
  channels: u32,
  height: u32,
  // Of an image and of a patch, in Wide.
  width: u32,
  side_width: u32,
  // Lines of a patch, P above.
  side: u32,
  // Patches down and across.
  rows: u32,
  columns: u32,
  // 0 when one set of statistics serves all images, else 2 channels.
  statistics_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<Stored>;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = group.x * 8u + lane;
  if (place >= params.rows * params.columns) {
    return;
  }
  let gx = place % params.columns;
  let gy = place / params.columns;
  let b = group.y;
  let c = group.z;
  let at = b * params.statistics_stride + 2u * c;
  let mean = statistics[at];
  let scale = statistics[at + 1u];
  let plane = (b * params.channels + c) * params.height;
  let row = b * params.rows * params.columns + place;
  var o = (row * params.channels + c) * params.side * params.side_width;
  for (var y = 0u; y < params.side; y++) {
    let line = (plane + gy * params.side + y) * params.width
      + gx * params.side_width;
    for (var x = 0u; x < params.side_width; x++) {
      output[o] = Stored((first_at(line + x) - mean) * scale);
      o++;
    }
  }
}
