// Gradient of the relational distance loss with respect to the squared distances.
//
//   L = 1 / rows^2 sum_ij h(u_ij)     u_ij = d_ij / mu - t_ij     P = rows (rows - 1)
//   dL/dd_ij = (h'(u_ij) / mu - sum_kl h'(u_kl) d_kl / (mu^2 P)) / rows^2
//   weights[i, j] = dL/dS_ij + dL/dS_ji = dL/dd_ij / d_ij
//
// The second term is the student's mean mu, which is differentiated too. The diagonal
// and clamped distances (S <= 1e-12) have weight 0. pairs [rows, rows]; totals = sums of
// both distances, moments = (sum h, sum h' d); weights [count, stride] of the rows i from
// own on.

struct Params {
  rows: u32,
  stride: u32,
  own: u32,
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> totals: array<f32>;
@group(0) @binding(3) var<storage, read> moments: array<f32>;
@group(0) @binding(4) var<storage, read_write> slopes: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let rows = params.rows;
  let at = (group.y * groups.x + group.x) * 64u + local;
  if (at >= params.count * rows) {
    return;
  }
  let pair = pair_at(params.own * rows + at);
  let square = pair.x;
  var weight = 0.0;
  if (params.own + at / rows != at % rows && square > 1e-12) {
    let pair_count = f32(rows) * f32(rows - 1u);
    let inverse_mean = pair_count / totals[0];
    let ds = sqrt(square);
    let dt = sqrt(max(pair.z, 1e-12));
    let u = ds * inverse_mean - dt * pair_count / totals[1];
    let through_mean = moments[1] * inverse_mean * inverse_mean / pair_count;
    weight = (clamp(u, -1.0, 1.0) * inverse_mean - through_mean) / (f32(rows) * f32(rows) * ds);
  }
  slopes[at / rows * params.stride + at % rows] = weight;
}
