// Squared distances between all rows, and the inverses of the distances.
//
//   pairs[i, j] = (S, r)     S = sum_d (x[i, d] - x[j, d])^2     r = 1 / sqrt(S)
//
// input [rows, dim]; pairs vec2 [rows, rows]. Summing squared differences instead of
// G_ii + G_jj - 2 G_ij of the Gram matrix costs the same and loses nothing when two
// rows are close: equal rows give exactly 0. r = inverse_of_zero where sqrt(S) < 1e-12.
// One invocation computes 4 x 4 pairs.

struct Params {
  rows: u32,
  dim: u32,
  tiles: u32,
  inverse_of_zero: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> pairs: array<vec2f>;

fn store(i: u32, j: u32, square: f32) {
  if (i < params.rows && j < params.rows) {
    let close = square < 1e-24;
    let inverse = select(inverseSqrt(max(square, 1e-24)), params.inverse_of_zero, close);
    pairs[i * params.rows + j] = vec2f(square, inverse);
  }
}

fn store_column(i: u32, j: u32, squares: vec4f) {
  store(i, j, squares.x);
  store(i + 1u, j, squares.y);
  store(i + 2u, j, squares.z);
  store(i + 3u, j, squares.w);
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tile = (group.y * groups.x + group.x) * 8u + local;
  if (tile >= params.tiles * params.tiles) {
    return;
  }
  let i = (tile / params.tiles) * 4u;
  let j = (tile % params.tiles) * 4u;
  let last = params.rows - 1u;
  let dim = params.dim;
  let a0 = min(i, last) * dim;
  let a1 = min(i + 1u, last) * dim;
  let a2 = min(i + 2u, last) * dim;
  let a3 = min(i + 3u, last) * dim;
  let b0 = min(j, last) * dim;
  let b1 = min(j + 1u, last) * dim;
  let b2 = min(j + 2u, last) * dim;
  let b3 = min(j + 3u, last) * dim;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var d = 0u; d < dim; d++) {
    let a = vec4f(input[a0 + d], input[a1 + d], input[a2 + d], input[a3 + d]);
    let d0 = a - input[b0 + d];
    let d1 = a - input[b1 + d];
    let d2 = a - input[b2 + d];
    let d3 = a - input[b3 + d];
    s0 += d0 * d0;
    s1 += d1 * d1;
    s2 += d2 * d2;
    s3 += d3 * d3;
  }
  store_column(i, j, s0);
  store_column(i, j + 1u, s1);
  store_column(i, j + 2u, s2);
  store_column(i, j + 3u, s3);
}
