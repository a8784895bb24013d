// Gradient of a function of squared distances with respect to the rows.
//
//   d_student[i, d] (+)= 2 scale sum_j K_ij (x[i, d] - x[j, d])
//   K_ij = weights[i, j] + weights[j, i], or weights[i, j] where they are already summed
//
// student, d_student [rows, dim]; weights [rows, rows].

struct Params {
  rows: u32,
  dim: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_student: array<f32>;

override SYMMETRIC: bool = false;
override ACCUMULATE: bool = false;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let at = (group.y * groups.x + group.x) * 8u + local;
  if (at >= params.rows * params.dim) {
    return;
  }
  let i = at / params.dim;
  let d = at % params.dim;
  let x = student[at];
  var total = 0.0;
  for (var j = 0u; j < params.rows; j++) {
    var weight = weights[i * params.rows + j];
    if (!SYMMETRIC) {
      weight += weights[j * params.rows + i];
    }
    total += weight * (x - student[j * params.dim + d]);
  }
  var gradient = 2.0 * params.scale * total;
  if (ACCUMULATE) {
    gradient += d_student[at];
  }
  d_student[at] = gradient;
}
