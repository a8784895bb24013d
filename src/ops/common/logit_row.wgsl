// A row of logits as the softmax of losses and choices begins: who works on it, and its
// largest element. For kernels with logits [rows, cols] and both sizes in params.

struct LogitRow {
  row: u32,
  // Past the last row it is computed in vain: reductions need all lanes.
  exists: bool,
  lane: u32,
  // Index of its first logit.
  start: u32,
  top: f32,
}

fn logit_row(group: vec3u, groups: vec3u, local: u32) -> LogitRow {
  let asked = row_of(group.y * groups.x + group.x, local);
  let row = min(asked, params.rows - 1u);
  let lane = lane_of(local);
  let start = row * params.cols;
  var top = -3.4e38;
  for (var c = lane; c < params.cols; c += ROW_LANES) {
    top = max(top, logits[start + c]);
  }
  return LogitRow(row, asked < params.rows, lane, start, row_max(lane, top));
}
