// Relational angle loss (Park et al. 2019) from pairwise squared distances.
//
//   cos_abc = (S_ab + S_ac - S_bc) / 2 r_ab r_ac    (law of cosines, vertex a)
//   L = 1 / rows^3 sum_abc h(cos_abc of the student - cos_abc of the teacher)
//   h(u) = u^2 / 2 if |u| < 1, else |u| - 1/2       w_abc = h'(u_abc) / rows^3
//   weights[i, j]  = dL/dS_ij
//     = sum_k w_ijk (r_ij r_ik - cos_ijk r_ij^2)    (i the vertex, j or k the arm)
//     - sum_k w_kij r_ki r_kj / 2                   (k the vertex, ij opposite)
//   partial[i, j]  = sum_k h(u_ijk) / rows^3
//
// One invocation per (i, j) loops over k: no [rows, rows, rows] tensor, no atomics.
// student, teacher vec2 (S, r) [rows, rows]; weights, partial [rows, rows]. Symmetry
// turns [j, k] into [k, j], so that neighbouring invocations read neighbouring values.

struct Params {
  rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<vec2f>;
@group(0) @binding(2) var<storage, read> teacher: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let rows = params.rows;
  // Rows are split over whole workgroups, so i is the same for all eight invocations.
  let groups_per_row = (rows + 7u) / 8u;
  let index = group.y * groups.x + group.x;
  let i = index / groups_per_row;
  let asked = (index % groups_per_row) * 8u + local;
  if (i >= rows) {
    return;
  }
  let j = min(asked, rows - 1u);
  let s_ij = student[i * rows + j];
  let t_ij = teacher[i * rows + j];
  var loss = 0.0;
  var weight = 0.0;
  for (var k = 0u; k < rows; k++) {
    let s_ik = student[i * rows + k];
    let s_jk = student[k * rows + j];
    let t_ik = teacher[i * rows + k];
    let t_jk = teacher[k * rows + j];
    // Vertex i, arms j and k.
    let arms = s_ij.y * s_ik.y;
    let cos_s = 0.5 * (s_ij.x + s_ik.x - s_jk.x) * arms;
    let cos_t = 0.5 * (t_ij.x + t_ik.x - t_jk.x) * t_ij.y * t_ik.y;
    let u = cos_s - cos_t;
    let size = abs(u);
    loss += select(size - 0.5, 0.5 * u * u, size < 1.0);
    weight += clamp(u, -1.0, 1.0) * (arms - cos_s * s_ij.y * s_ij.y);
    // Vertex k, arms i and j.
    let opposite = s_ik.y * s_jk.y;
    let other_s = 0.5 * (s_ik.x + s_jk.x - s_ij.x) * opposite;
    let other_t = 0.5 * (t_ik.x + t_jk.x - t_ij.x) * t_ik.y * t_jk.y;
    weight -= 0.5 * clamp(other_s - other_t, -1.0, 1.0) * opposite;
  }
  if (asked < rows) {
    let cube = f32(rows) * f32(rows) * f32(rows);
    weights[i * rows + j] = select(weight / cube, 0.0, i == j);
    partial[i * rows + j] = loss / cube;
  }
}
