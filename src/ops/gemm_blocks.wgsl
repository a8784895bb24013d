// What both forms of the matrix product share: parameters, 4x4 blocks of the
// operands and the epilogue.
//
//   output[m, n] = f(sum_k left(m, k) right(k, n))
//
// left is stored [rows, depth], or [depth, rows] with TRANSPOSE_LEFT; right is
// stored [depth, cols], or [cols, depth] with TRANSPOSE_RIGHT. In order, each
// where its override is on: f adds bias[n]; keeps the value in `side` and applies
// GELU; multiplies by GELU's derivative at pre[m, n]; adds residual[m, n].
//
// With several splits, split s sums depth s*chunk .. (s+1)*chunk into its own
// [rows, cols] of the output. SUM_LEFT also sums left over the depth into `side`.

override TRANSPOSE_LEFT: bool = false;
override TRANSPOSE_RIGHT: bool = false;
override BIAS: bool = false;
override GELU: bool = false;
override GELU_DERIVATIVE: bool = false;
override RESIDUAL: bool = false;
override SUM_LEFT: bool = false;

struct Params {
  rows: u32,
  cols: u32,
  depth: u32,
  // Tiles along the columns of the output.
  tiles: u32,
  splits: u32,
  // Depth of a split, a multiple of 16.
  chunk: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read> pre: array<f32>;
@group(0) @binding(6) var<storage, read_write> output: array<f32>;
@group(0) @binding(7) var<storage, read_write> side: array<f32>;

struct Tile {
  row: u32,
  col: u32,
  split: u32,
  // Range of the depth.
  start: u32,
  end: u32,
}

// Workgroups past the last tile get rows past the end and store nothing.
fn tile_of(group: u32, rows: u32, cols: u32) -> Tile {
  let rest = group / params.tiles;
  let split = rest % params.splits;
  let start = split * params.chunk;
  return Tile(
    rest / params.splits * rows,
    group % params.tiles * cols,
    split,
    start,
    min(params.depth, start + params.chunk),
  );
}

// Column i is left(m + i, k .. k + 3): zeros past the depth, anything past the rows.
fn left_block(m: u32, k: u32) -> mat4x4f {
  let inside = vec4u(k, k + 1, k + 2, k + 3) < vec4u(params.depth);
  if (TRANSPOSE_LEFT) {
    let last = params.depth - 1;
    let none = vec4f();
    return transpose(mat4x4f(
      left_quad(k, m, params.rows),
      select(none, left_quad(min(k + 1, last), m, params.rows), inside.y),
      select(none, left_quad(min(k + 2, last), m, params.rows), inside.z),
      select(none, left_quad(min(k + 3, last), m, params.rows), inside.w),
    ));
  }
  let last = params.rows - 1;
  return mat4x4f(
    select(vec4f(), left_quad(min(m, last), k, params.depth), inside),
    select(vec4f(), left_quad(min(m + 1, last), k, params.depth), inside),
    select(vec4f(), left_quad(min(m + 2, last), k, params.depth), inside),
    select(vec4f(), left_quad(min(m + 3, last), k, params.depth), inside),
  );
}

// Column i is right(k + i, n .. n + 3): finite past the depth, where left is 0.
fn right_block(k: u32, n: u32) -> mat4x4f {
  if (TRANSPOSE_RIGHT) {
    let last = params.cols - 1;
    return transpose(mat4x4f(
      right_quad(min(n, last), k, params.depth),
      right_quad(min(n + 1, last), k, params.depth),
      right_quad(min(n + 2, last), k, params.depth),
      right_quad(min(n + 3, last), k, params.depth),
    ));
  }
  let last = params.depth - 1;
  return mat4x4f(
    right_quad(min(k, last), n, params.cols),
    right_quad(min(k + 1, last), n, params.cols),
    right_quad(min(k + 2, last), n, params.cols),
    right_quad(min(k + 3, last), n, params.cols),
  );
}

fn store_one(m: u32, n: u32, split: u32, sum: f32) {
  if (m >= params.rows || n >= params.cols) {
    return;
  }
  let at = m * params.cols + n;
  var value = sum;
  if (BIAS) {
    value += bias[n];
  }
  if (GELU) {
    side[at] = value;
    value = gelu(value);
  }
  if (GELU_DERIVATIVE) {
    value *= gelu_derivative(pre[at]);
  }
  if (RESIDUAL) {
    value += residual[at];
  }
  output[split * params.rows * params.cols + at] = value;
}

fn store_quad(m: u32, n: u32, split: u32, quad: vec4f) {
  store_one(m, n, split, quad.x);
  store_one(m, n + 1, split, quad.y);
  store_one(m, n + 2, split, quad.z);
  store_one(m, n + 3, split, quad.w);
}

// Column i of the block goes to row m + i, columns n .. n + 3. No loops: a matrix
// indexed by a variable does not stay in registers.
fn store_block(m: u32, n: u32, split: u32, block: mat4x4f) {
  store_quad(m, n, split, block[0]);
  store_quad(m + 1, n, split, block[1]);
  store_quad(m + 2, n, split, block[2]);
  store_quad(m + 3, n, split, block[3]);
}

fn store_sum(m: u32, split: u32, sum: f32) {
  if (m < params.rows) {
    side[split * params.rows + m] = sum;
  }
}

fn store_sums(m: u32, split: u32, sums: vec4f) {
  store_sum(m, split, sums.x);
  store_sum(m + 1, split, sums.y);
  store_sum(m + 2, split, sums.z);
  store_sum(m + 3, split, sums.w);
}
