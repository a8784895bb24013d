// Relational angle loss (Park et al. 2019) from pairwise squared distances.
//
//   cos_abc = (S_ab + S_ac - S_bc) / 2 r_ab r_ac    (law of cosines, vertex a)
//   L = 1 / rows^3 sum_abc h(cos_abc of the student - cos_abc of the teacher)
//   h(u) = u^2 / 2 if |u| < 1, else |u| - 1/2       w_abc = h'(u_abc) / rows^3
//   weights[i, j]  = dL/dS_ij
//     = sum_k w_ijk (r_ij r_ik - cos_ijk r_ij^2)    (i the vertex, j or k the arm)
//     - sum_k w_kij r_ki r_kj / 2                   (k the vertex, ij opposite)
//   partial[tile]  = sum of h(u_ijk) / rows^3 over the tile's i, j and all k
//
// SUMMED: weights[i, j] = dL/dS_ij + dL/dS_ji, of the rows i from own on: all that the
// gradient of these rows needs, for a third angle, with vertex j. So ranks share the
// work, and L is the sum of their parts.
//
// One invocation loops over k for 4 x 4 pairs (i, j), the four j in a vector: no
// [rows, rows, rows] tensor, no atomics, two values read per pair and k instead of
// eight. pairs (S, r) of student and teacher [rows, rows]; weights [count, 4 tiles];
// partial [count / 4, tiles]. Symmetry turns [j, k] into [k, j], which lies together.

struct Params {
  rows: u32,
  tiles: u32,
  own: u32,
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> slopes: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;

override WORKGROUP_SIZE: u32 = 8;
override SUMMED: bool = false;

// (S, r) of the student and of the teacher between one row and four others.
struct Quad {
  s: vec4f,
  s_inverse: vec4f,
  t: vec4f,
  t_inverse: vec4f,
}

struct Sums {
  weight: vec4f,
  loss: vec4f,
}

fn quad_of(row: u32, j: vec4u) -> Quad {
  let at = vec4u(row * params.rows) + j;
  let a = pair_at(at.x);
  let b = pair_at(at.y);
  let c = pair_at(at.z);
  let d = pair_at(at.w);
  return Quad(
    vec4f(a.x, b.x, c.x, d.x),
    vec4f(a.y, b.y, c.y, d.y),
    vec4f(a.z, b.z, c.z, d.z),
    vec4f(a.w, b.w, c.w, d.w),
  );
}

fn add_angles(sums: Sums, ij: Quad, kj: Quad, i: u32, k: u32) -> Sums {
  let ik = pair_at(k * params.rows + i);
  // Vertex i, arms j and k.
  let arms = ij.s_inverse * ik.y;
  let cos_s = 0.5 * (ij.s + ik.x - kj.s) * arms;
  let cos_t = 0.5 * (ij.t + ik.z - kj.t) * ij.t_inverse * ik.w;
  let u = cos_s - cos_t;
  let slope = clamp(u, vec4f(-1.0), vec4f(1.0));
  let loss = slope * (u - 0.5 * slope);
  let as_arm = slope * (arms - cos_s * ij.s_inverse * ij.s_inverse);
  // Vertex k, arms i and j.
  let opposite = ik.y * kj.s_inverse;
  let other_s = 0.5 * (ik.x + kj.s - ij.s) * opposite;
  let other_t = 0.5 * (ik.z + kj.t - ij.t) * ik.w * kj.t_inverse;
  let other_slope = clamp(other_s - other_t, vec4f(-1.0), vec4f(1.0));
  var weight = as_arm - 0.5 * other_slope * opposite;
  if (SUMMED) {
    // Vertex j, arms i and k; and k's angle once more, for S_ji.
    let last_arms = ij.s_inverse * kj.s_inverse;
    let last_s = 0.5 * (ij.s + kj.s - ik.x) * last_arms;
    let last_t = 0.5 * (ij.t + kj.t - ik.z) * ij.t_inverse * kj.t_inverse;
    let last_slope = clamp(last_s - last_t, vec4f(-1.0), vec4f(1.0));
    weight += last_slope * (last_arms - last_s * ij.s_inverse * ij.s_inverse) -
      0.5 * other_slope * opposite;
  }
  return Sums(sums.weight + weight, sums.loss + loss);
}

// Writes the weights of row i of the own ones and returns its part of the loss.
fn finish(sums: Sums, i: u32, j: u32) -> f32 {
  let rows = params.rows;
  let scale = 1.0 / (f32(rows) * f32(rows) * f32(rows));
  var loss = 0.0;
  for (var n = 0u; n < 4u; n++) {
    if (i < params.count && j + n < rows) {
      let same = params.own + i == j + n;
      slopes[i * 4u * params.tiles + j + n] = select(scale * sums.weight[n], 0.0, same);
      loss += sums.loss[n];
    }
  }
  return scale * loss;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  // A workgroup stays in one row of tiles, so i is the same for all its invocations.
  let groups_per_row = (params.tiles + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
  let index = group.y * groups.x + group.x;
  let row = index / groups_per_row;
  if (4u * row >= params.count) {
    return;
  }
  let column = (index % groups_per_row) * WORKGROUP_SIZE + local;
  let last = vec4u(params.rows - 1u);
  let i = row * 4u;
  let j = column * 4u;
  let own = params.own +
    min(vec4u(i, i + 1u, i + 2u, i + 3u), vec4u(params.count - 1u));
  let others = min(vec4u(j, j + 1u, j + 2u, j + 3u), last);
  let q0 = quad_of(own.x, others);
  let q1 = quad_of(own.y, others);
  let q2 = quad_of(own.z, others);
  let q3 = quad_of(own.w, others);
  var s0 = Sums();
  var s1 = Sums();
  var s2 = Sums();
  var s3 = Sums();
  for (var k = 0u; k < params.rows; k++) {
    let kj = quad_of(k, others);
    s0 = add_angles(s0, q0, kj, own.x, k);
    s1 = add_angles(s1, q1, kj, own.y, k);
    s2 = add_angles(s2, q2, kj, own.z, k);
    s3 = add_angles(s3, q3, kj, own.w, k);
  }
  let loss = finish(s0, i, j) + finish(s1, i + 1u, j) + finish(s2, i + 2u, j) +
    finish(s3, i + 3u, j);
  if (column < params.tiles) {
    partial[row * params.tiles + column] = loss;
  }
}
