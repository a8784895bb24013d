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
// No block of the operands reaches past the depth.
override WHOLE: bool = false;

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
// 1-5 are what is read: see gemm_operands_*.wgsl.
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
      select(none, left_quad(min(k, last), m, params.rows), inside.x),
      select(none, left_quad(min(k + 1, last), m, params.rows), inside.y),
      select(none, left_quad(min(k + 2, last), m, params.rows), inside.z),
      select(none, left_quad(min(k + 3, last), m, params.rows), inside.w),
    ));
  }
  let last = params.rows - 1;
  return within(mat4x4f(
    left_quad(min(m, last), k, params.depth),
    left_quad(min(m + 1, last), k, params.depth),
    left_quad(min(m + 2, last), k, params.depth),
    left_quad(min(m + 3, last), k, params.depth),
  ), inside);
}

// Column i is right(k + i, n .. n + 3): finite past the depth, where left is 0.
fn right_block(k: u32, n: u32) -> mat4x4f {
  if (TRANSPOSE_RIGHT) {
    let inside = vec4u(k, k + 1, k + 2, k + 3) < vec4u(params.depth);
    let last = params.cols - 1;
    return transpose(within(mat4x4f(
      right_quad(min(n, last), k, params.depth),
      right_quad(min(n + 1, last), k, params.depth),
      right_quad(min(n + 2, last), k, params.depth),
      right_quad(min(n + 3, last), k, params.depth),
    ), inside));
  }
  let last = params.depth - 1;
  return mat4x4f(
    right_quad(min(k, last), n, params.cols),
    right_quad(min(k + 1, last), n, params.cols),
    right_quad(min(k + 2, last), n, params.cols),
    right_quad(min(k + 3, last), n, params.cols),
  );
}

// Zeros in the rows that are not inside. With WHOLE all are.
fn within(block: mat4x4f, inside: vec4<bool>) -> mat4x4f {
  if (WHOLE) {
    return block;
  }
  let none = vec4f();
  return mat4x4f(
    select(none, block[0], inside),
    select(none, block[1], inside),
    select(none, block[2], inside),
    select(none, block[3], inside),
  );
}

// sum + right left, for blocks as right_block() and left_block() give them.
fn product(sum: mat4x4f, b: mat4x4f, a: mat4x4f) -> mat4x4f {
  return mat4x4f(
    product_line(sum[0], b, a[0]),
    product_line(sum[1], b, a[1]),
    product_line(sum[2], b, a[2]),
    product_line(sum[3], b, a[3]),
  );
}

fn product_line(sum: vec4f, b: mat4x4f, a: vec4f) -> vec4f {
  let xy = fma(b[1], vec4f(a.y), fma(b[0], vec4f(a.x), sum));
  return fma(b[3], vec4f(a.w), fma(b[2], vec4f(a.z), xy));
}

// Elements m, n .. n + 3 of the output.
fn store_quad(m: u32, n: u32, split: u32, sum: vec4f) {
  if (m >= params.rows || n >= params.cols) {
    return;
  }
  let at = m * params.cols + n;
  var value = sum;
  if (BIAS) {
    value += bias_quad(n);
  }
  if (GELU) {
    side[at] = value.x;
    if (n + 1 < params.cols) {
      side[at + 1] = value.y;
    }
    if (n + 2 < params.cols) {
      side[at + 2] = value.z;
    }
    if (n + 3 < params.cols) {
      side[at + 3] = value.w;
    }
    value = gelu(value);
  }
  if (GELU_DERIVATIVE) {
    value *= gelu_derivative(pre_quad(at));
  }
  if (RESIDUAL) {
    value += residual_quad(at);
  }
  let to = split * params.rows * params.cols + at;
  output[to] = value.x;
  if (n + 1 < params.cols) {
    output[to + 1] = value.y;
  }
  if (n + 2 < params.cols) {
    output[to + 2] = value.z;
  }
  if (n + 3 < params.cols) {
    output[to + 3] = value.w;
  }
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
