// Mean and 1 / deviation of each whole image, for per-image standardisation.
//
//   output[b, c] = (mean_b, 1 / max(deviation_b, 1 / sqrt(n)))    the same for all c
//
// first: images [batch, n], n = channels * height * width, counted in Wide; output
// [batch, channels, 2]. The biased deviation, taken of differences to the mean. The bound keeps images of
// one colour finite.

struct Params {
  rows: u32,
  cols: u32,
  channels: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let asked = row_of(group.y * groups.x + group.x, local);
  let row = min(asked, params.rows - 1u);
  let lane = lane_of(local);
  let start = row * params.cols;
  let count = f32(params.cols * WIDTH);
  var sum = Wide();
  for (var i = lane; i < params.cols; i += ROW_LANES) {
    sum += first_at(start + i);
  }
  let first_mean = row_sum(lane, wide_sum(sum)) / count;
  var rests = Wide();
  var squares = Wide();
  for (var i = lane; i < params.cols; i += ROW_LANES) {
    let difference = first_at(start + i) - first_mean;
    rests += difference;
    squares += difference * difference;
  }
  let rest = row_sum(lane, wide_sum(rests)) / count;
  let variance = max(row_sum(lane, wide_sum(squares)) / count - rest * rest, 0.0);
  if (asked >= params.rows) {
    return;
  }
  let scale = 1.0 / max(sqrt(variance), 1.0 / sqrt(count));
  for (var c = lane; c < params.channels; c += ROW_LANES) {
    output[(row * params.channels + c) * 2u] = first_mean + rest;
    output[(row * params.channels + c) * 2u + 1u] = scale;
  }
}
