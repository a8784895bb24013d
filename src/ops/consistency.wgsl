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
  let cols = params.cols;
  let own = logit_pair(group, groups, local);
  let weight = row_weights[own.row];

  var total_s = 0.0;
  var total_t = 0.0;
  for (var c = own.lane; c < cols; c += ROW_LANES) {
    total_s += exp(student[own.start + c] - own.top_student);
    total_t += exp(teacher[own.start + c] - own.top_teacher);
  }
  total_s = row_sum(own.lane, total_s);
  total_t = row_sum(own.lane, total_t);
  var squares = 0.0;
  var inner = 0.0;
  for (var c = own.lane; c < cols; c += ROW_LANES) {
    let s = exp(student[own.start + c] - own.top_student) / total_s;
    let e = s - exp(teacher[own.start + c] - own.top_teacher) / total_t;
    squares += e * e;
    inner += e * s;
  }
  squares = row_sum(own.lane, squares);
  inner = row_sum(own.lane, inner);
  if (!own.exists) {
    return;
  }

  if (own.lane == 0u) {
    loss[own.row] = select(weight * squares / f32(cols), 0.0, weight == 0.0);
  }
  let factor = params.scale * weight * 2.0 / f32(cols);
  for (var c = own.lane; c < cols; c += ROW_LANES) {
    let s = exp(student[own.start + c] - own.top_student) / total_s;
    let e = s - exp(teacher[own.start + c] - own.top_teacher) / total_t;
    var gradient = select(factor * s * (e - inner), 0.0, weight == 0.0);
    if (ACCUMULATE) {
      gradient += d_student[own.start + c];
    }
    d_student[own.start + c] = gradient;
  }
}
