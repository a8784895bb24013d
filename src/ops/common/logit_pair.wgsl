// The same row of two models' logits as losses between them begin: who works on it, and
// the largest element of each. For kernels with student and teacher [rows, cols] and
// both sizes in params.

struct LogitPair {
  row: u32,
  // Past the last row it is computed in vain: reductions need all lanes.
  exists: bool,
  lane: u32,
  // Index of its first logits.
  start: u32,
  top_student: f32,
  top_teacher: f32,
}

fn logit_pair(group: vec3u, groups: vec3u, local: u32) -> LogitPair {
  let asked = row_of(group.y * groups.x + group.x, local);
  let row = min(asked, params.rows - 1u);
  let lane = lane_of(local);
  let start = row * params.cols;
  var top_s = -3.4e38;
  var top_t = -3.4e38;
  for (var c = lane; c < params.cols; c += ROW_LANES) {
    top_s = max(top_s, student[start + c]);
    top_t = max(top_t, teacher[start + c]);
  }
  top_s = row_max(lane, top_s);
  top_t = row_max(lane, top_t);
  return LogitPair(row, asked < params.rows, lane, start, top_s, top_t);
}
