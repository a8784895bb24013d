// Mean squared error between two softmax outputs (Pi model, Mean Teacher).
//
//   s = softmax(student)     t = softmax(teacher)     e = s - t
//   loss[r]           = w_r / cols sum_c e_c^2
//   d_student[r, c] (+)= scale w_r 2 / cols s_c (e_c - sum_k e_k s_k)
//
// student, teacher, d_student [rows, cols]; row_weights, loss [rows]. Rows of weight 0
// give exact zeros.

struct Params {
  rows: u32,
  cols: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read> row_weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_student: array<f32>;

override ACCUMULATE: bool = false;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let asked = row_of(group.y * groups.x + group.x, local);
  let row = min(asked, params.rows - 1u);
  let lane = lane_of(local);
  let cols = params.cols;
  let start = row * cols;
  let weight = row_weights[row];

  var top_s = -3.4e38;
  var top_t = -3.4e38;
  for (var c = lane; c < cols; c += ROW_LANES) {
    top_s = max(top_s, student[start + c]);
    top_t = max(top_t, teacher[start + c]);
  }
  top_s = row_max(lane, top_s);
  top_t = row_max(lane, top_t);
  var total_s = 0.0;
  var total_t = 0.0;
  for (var c = lane; c < cols; c += ROW_LANES) {
    total_s += exp(student[start + c] - top_s);
    total_t += exp(teacher[start + c] - top_t);
  }
  total_s = row_sum(lane, total_s);
  total_t = row_sum(lane, total_t);
  var squares = 0.0;
  var inner = 0.0;
  for (var c = lane; c < cols; c += ROW_LANES) {
    let s = exp(student[start + c] - top_s) / total_s;
    let e = s - exp(teacher[start + c] - top_t) / total_t;
    squares += e * e;
    inner += e * s;
  }
  squares = row_sum(lane, squares);
  inner = row_sum(lane, inner);
  if (asked >= params.rows) {
    return;
  }

  if (lane == 0u) {
    loss[row] = select(weight * squares / f32(cols), 0.0, weight == 0.0);
  }
  let factor = params.scale * weight * 2.0 / f32(cols);
  for (var c = lane; c < cols; c += ROW_LANES) {
    let s = exp(student[start + c] - top_s) / total_s;
    let e = s - exp(teacher[start + c] - top_t) / total_t;
    var gradient = select(factor * s * (e - inner), 0.0, weight == 0.0);
    if (ACCUMULATE) {
      gradient += d_student[start + c];
    }
    d_student[start + c] = gradient;
  }
}
