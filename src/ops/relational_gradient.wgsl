// Gradient of a function of squared distances with respect to the rows.
//
//   d_student[i, d] (+)= 2 scale sum_j K_ij (x[i, d] - x[j, d])
//   K_ij = weights[i, j] + weights[j, i], or weights[i, j] where they are already summed
//
// The rows i are own .. own + count - 1: features [rows, dim]; d_student [count, dim];
// weights [count, 4 tiles]. Only of all rows need weights be summed. Differences, not
// K x - (sum K) x, since that loses the digits that equal features share. One
// invocation computes 4 x 4 elements, four rows j at a time.

struct Params {
  rows: u32,
  dim: u32,
  // Tiles of four rows, and of four columns.
  tiles: u32,
  columns: u32,
  own: u32,
  count: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read_write> d_student: array<f32>;

override WORKGROUP_SIZE: u32 = 8;
override SUMMED: bool = false;
override ACCUMULATE: bool = false;

// K of four rows of weights, a row of the matrix for each of four j; 0 past the last j.
fn weights_of(rows: vec4u, i_tile: u32, j_tile: u32) -> mat4x4f {
  let last = params.rows - 1u;
  let j = 4u * j_tile;
  let tiles = params.tiles;
  var k = transpose(mat4x4f(
    weight_quad(rows.x * tiles + j_tile),
    weight_quad(rows.y * tiles + j_tile),
    weight_quad(rows.z * tiles + j_tile),
    weight_quad(rows.w * tiles + j_tile),
  ));
  if (!SUMMED) {
    k += mat4x4f(
      weight_quad(min(j, last) * tiles + i_tile),
      weight_quad(min(j + 1u, last) * tiles + i_tile),
      weight_quad(min(j + 2u, last) * tiles + i_tile),
      weight_quad(min(j + 3u, last) * tiles + i_tile),
    );
  }
  return mat4x4f(
    k[0],
    select(vec4f(), k[1], j + 1u <= last),
    select(vec4f(), k[2], j + 2u <= last),
    select(vec4f(), k[3], j + 3u <= last),
  );
}

fn store(i: u32, d: u32, total: vec4f) {
  for (var n = 0u; n < 4u; n++) {
    if (i < params.count && d + n < params.dim) {
      let at = i * params.dim + d + n;
      var gradient = 2.0 * params.scale * total[n];
      if (ACCUMULATE) {
        gradient += d_student[at];
      }
      d_student[at] = gradient;
    }
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let groups_per_row = (params.columns + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
  let index = group.y * groups.x + group.x;
  let i_tile = index / groups_per_row;
  if (4u * i_tile >= params.count) {
    return;
  }
  let column = (index % groups_per_row) * WORKGROUP_SIZE + local;
  let q = min(column, params.columns - 1u);
  let dim = params.dim;
  let last = params.rows - 1u;
  let i = 4u * i_tile;
  let rows = min(vec4u(i, i + 1u, i + 2u, i + 3u), vec4u(params.count - 1u));
  let own = params.own + rows;
  let x0 = feature_quad(own.x, q, dim);
  let x1 = feature_quad(own.y, q, dim);
  let x2 = feature_quad(own.z, q, dim);
  let x3 = feature_quad(own.w, q, dim);
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var j_tile = 0u; j_tile < params.tiles; j_tile++) {
    let weights = weights_of(rows, i_tile, j_tile);
    for (var n = 0u; n < 4u; n++) {
      let x = feature_quad(min(4u * j_tile + n, last), q, dim);
      let k = weights[n];
      s0 += k.x * (x0 - x);
      s1 += k.y * (x1 - x);
      s2 += k.z * (x2 - x);
      s3 += k.w * (x3 - x);
    }
  }
  let d = 4u * column;
  store(i, d, s0);
  store(i + 1u, d, s1);
  store(i + 2u, d, s2);
  store(i + 3u, d, s3);
}
