// What all kernels of the matrix product share: parameters, tiles, the epilogue.
//
//   output[m, n] = f(sum_k left(m, k) right(k, n))
//
// left is stored [rows, depth], or [depth, rows] with TRANSPOSE_LEFT; right is
// stored [depth, cols], or [cols, depth] with TRANSPOSE_RIGHT. In order, each
// where its override is on: f adds bias[n]; applies GELU and keeps its derivative in
// `side`; multiplies by slope[m, n], such a derivative; adds residual[m, n].
//
// With several splits, split s sums depth s*chunk .. (s+1)*chunk into its own
// [rows, cols] of the output. SUM_LEFT also sums left over the depth into `side`.
//
// Left, Right and Output are f32 or f16; slope, residual and side are Output, bias is
// f32. Sums are f32.

override TRANSPOSE_LEFT: bool = false;
override TRANSPOSE_RIGHT: bool = false;
override BIAS: bool = false;
override GELU: bool = false;
override SLOPE: bool = false;
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
  // Rows of a matrix in a row of its texture, as a power of two.
  left_shift: u32,
  right_shift: u32,
  output_shift: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

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

// Elements m, n .. n + 3 of the output.
fn finish_quad(m: u32, n: u32, split: u32, sum: vec4f) {
  if (m >= params.rows || n >= params.cols) {
    return;
  }
  var value = sum;
  if (BIAS) {
    value += bias_quad(n);
  }
  if (GELU) {
    let curve = gelu(value);
    store_side(m, n, curve.slope);
    value = curve.value;
  }
  if (SLOPE) {
    value *= slope_quad(m, n);
  }
  if (RESIDUAL) {
    value += residual_quad(m, n);
  }
  store_output(split * params.rows + m, n, value);
}

// sum + right left, for a block right(k + i, n .. n + 3) and left(m + i, k .. k + 3).
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

// Row i plus b a[i].
fn outer(sum: mat4x4f, b: vec4f, a: vec4f) -> mat4x4f {
  return mat4x4f(
    fma(b, vec4f(a.x), sum[0]),
    fma(b, vec4f(a.y), sum[1]),
    fma(b, vec4f(a.z), sum[2]),
    fma(b, vec4f(a.w), sum[3]),
  );
}
