// Row sums of the relational distance loss, in two passes over the pairs.
//
//   d_ij = sqrt(max(S_ij, 1e-12)), d_ii = 0
//   MOMENT false: sums[i] = (sum_j d_ij of the student, sum_j d_ij of the teacher)
//   MOMENT true:  sums[i] = (sum_j h(u_ij), sum_j h'(u_ij) d_ij of the student)
//                 u_ij = d_ij / mean of the student - d_ij / mean of the teacher
//                 h(u) = u^2 / 2 if |u| < 1, else |u| - 1/2
//
// pairs [rows, rows] from relational_pairs; totals [2] are the sums of both distances
// over all i, j (unused in the first pass); sums vec2 [rows].

struct Params {
  rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> totals: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec2f>;

override MOMENT: bool = false;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let rows = params.rows;
  let asked = row_of(group.y * groups.x + group.x, local);
  let i = min(asked, rows - 1u);
  let lane = lane_of(local);
  let pair_count = f32(rows) * f32(rows - 1u);
  var first = 0.0;
  var second = 0.0;
  for (var j = lane; j < rows; j += ROW_LANES) {
    if (j != i) {
      let pair = pair_at(i * rows + j);
      let ds = sqrt(max(pair.x, 1e-12));
      let dt = sqrt(max(pair.z, 1e-12));
      if (MOMENT) {
        let u = ds * pair_count / totals[0] - dt * pair_count / totals[1];
        let size = abs(u);
        first += select(size - 0.5, 0.5 * u * u, size < 1.0);
        second += clamp(u, -1.0, 1.0) * ds;
      } else {
        first += ds;
        second += dt;
      }
    }
  }
  first = row_sum(lane, first);
  second = row_sum(lane, second);
  if (asked < rows && lane == 0u) {
    sums[i] = vec2f(first, second);
  }
}
