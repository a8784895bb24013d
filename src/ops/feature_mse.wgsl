// Squared difference between student tokens and pooled teacher tokens.
//
//   pooled[b, i, j] = mean of teacher[b, k, l] over
//                     k in floor(i n / m) .. ceil((i + 1) n / m),
//                     l in floor(j dt / ds) .. ceil((j + 1) dt / ds)
//   partial[b, i]         = w_b / (m ds) sum_j (student[b, i, j] - pooled[b, i, j])^2
//   d_student[b, i, j] (+)= scale w_b 2 / (m ds) (student[b, i, j] - pooled[b, i, j])
//
// student, d_student [batch m, ds]; teacher [batch n, dt]; row_weights [batch];
// partial [batch m], summed over i by reduce_rows. One row (b, i) per reduction.

struct Params {
  batch: u32,
  student_tokens: u32,
  student_dim: u32,
  teacher_tokens: u32,
  teacher_dim: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<Real>;
@group(0) @binding(2) var<storage, read> teacher: array<Real>;
@group(0) @binding(3) var<storage, read> row_weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> partial: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_student: array<Real>;

override ACCUMULATE: bool = false;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let m = params.student_tokens;
  let n = params.teacher_tokens;
  let ds = params.student_dim;
  let dt = params.teacher_dim;
  let rows = params.batch * m;
  let asked = row_of(group.y * groups.x + group.x, local);
  let row = min(asked, rows - 1u);
  let lane = lane_of(local);
  let image = row / m;
  let i = row % m;
  let weight = row_weights[image];
  let first_token = i * n / m;
  let end_token = ((i + 1u) * n + m - 1u) / m;
  let mean = 1.0 / (f32(m) * f32(ds));
  let factor = params.scale * weight * 2.0 * mean;

  var squares = 0.0;
  for (var j = lane; j < ds; j += ROW_LANES) {
    let first = j * dt / ds;
    let end = ((j + 1u) * dt + ds - 1u) / ds;
    var pooled = 0.0;
    for (var k = first_token; k < end_token; k++) {
      let start = (image * n + k) * dt;
      for (var l = first; l < end; l++) {
        pooled += f32(teacher[start + l]);
      }
    }
    pooled /= f32((end_token - first_token) * (end - first));
    let at = row * ds + j;
    let difference = f32(student[at]) - pooled;
    squares += difference * difference;
    if (asked < rows) {
      var gradient = select(factor * difference, 0.0, weight == 0.0);
      if (ACCUMULATE) {
        gradient += f32(d_student[at]);
      }
      d_student[at] = Real(gradient);
    }
  }
  squares = row_sum(lane, squares);
  if (asked < rows && lane == 0u) {
    partial[row] = select(weight * mean * squares, 0.0, weight == 0.0);
  }
}
