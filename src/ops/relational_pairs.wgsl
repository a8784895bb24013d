// Squared distances between all rows, and the inverses of the distances.
//
//   pairs[i, j] = (S, r)     S = sum_d (x[i, d] - x[j, d])^2     r = 1 / sqrt(S)
//
// features [rows, dim]; pairs vec2 [rows, rows, 2], of which PART 0 (the student) or 1
// (the teacher) is written. Summing squared differences instead of G_ii + G_jj - 2 G_ij
// of the Gram matrix costs the same and loses nothing when two rows are close: equal
// rows give exactly 0. r = inverse_of_zero where sqrt(S) < 1e-12. One invocation
// computes 4 x 4 pairs.

struct Params {
  rows: u32,
  dim: u32,
  tiles: u32,
  inverse_of_zero: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> distances: array<vec2f>;

override WORKGROUP_SIZE: u32 = 8;
override PART: u32 = 0;

fn square(difference: vec4f) -> f32 {
  return dot(difference, difference);
}

// Squared distances of one row to four others.
fn squares(a: vec4f, b0: vec4f, b1: vec4f, b2: vec4f, b3: vec4f) -> vec4f {
  return vec4f(square(a - b0), square(a - b1), square(a - b2), square(a - b3));
}

fn store(i: u32, j: u32, sums: vec4f) {
  for (var n = 0u; n < 4u; n++) {
    if (i < params.rows && j + n < params.rows) {
      let s = sums[n];
      let inverse = select(
        inverseSqrt(max(s, 1e-24)),
        params.inverse_of_zero,
        s < 1e-24,
      );
      distances[2u * (i * params.rows + j + n) + PART] = vec2f(s, inverse);
    }
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let groups_per_row = (params.tiles + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
  let index = group.y * groups.x + group.x;
  let i = (index / groups_per_row) * 4u;
  if (i >= params.rows) {
    return;
  }
  let j = ((index % groups_per_row) * WORKGROUP_SIZE + local) * 4u;
  let last = vec4u(params.rows - 1u);
  let own = min(vec4u(i, i + 1u, i + 2u, i + 3u), last);
  let others = min(vec4u(j, j + 1u, j + 2u, j + 3u), last);
  let dim = params.dim;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var q = 0u; q < (dim + 3u) / 4u; q++) {
    let b0 = feature_quad(others.x, q, dim);
    let b1 = feature_quad(others.y, q, dim);
    let b2 = feature_quad(others.z, q, dim);
    let b3 = feature_quad(others.w, q, dim);
    s0 += squares(feature_quad(own.x, q, dim), b0, b1, b2, b3);
    s1 += squares(feature_quad(own.y, q, dim), b0, b1, b2, b3);
    s2 += squares(feature_quad(own.z, q, dim), b0, b1, b2, b3);
    s3 += squares(feature_quad(own.w, q, dim), b0, b1, b2, b3);
  }
  store(i, j, s0);
  store(i + 1u, j, s1);
  store(i + 2u, j, s2);
  store(i + 3u, j, s3);
}
