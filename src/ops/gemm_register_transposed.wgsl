// Matrix product for CPU adapters with TRANSPOSE_LEFT: a texel has four rows of left
// at one depth, so the loop can take two depths at a time instead of four, and 16
// rows x 8 columns fit in a body of the same size. See gemm_register.wgsl.

const ROWS: u32 = 16;
const COLS: u32 = 64;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tile_of(group.y * groups.x + group.x, ROWS, COLS);
  let m = tile.row;
  let n = tile.col + lane * 4;
  let left_quads = quads_of(params.rows);
  let right_quads = quads_of(params.cols);
  let left0 = rows_from(0, left_quads, params.left_shift);
  let right0 = rows_from(0, right_quads, params.right_shift);
  let mq = m / 4;
  let nq = n / 4;

  var c00 = mat4x4f();
  var c01 = mat4x4f();
  var c10 = mat4x4f();
  var c11 = mat4x4f();
  var c20 = mat4x4f();
  var c21 = mat4x4f();
  var c30 = mat4x4f();
  var c31 = mat4x4f();
  var sums = mat4x4f();

  for (var k = tile.start; k < tile.end; k += 2) {
    let lefts = rows_after(left0, k, left_quads, params.left_shift);
    let rights = rows_after(right0, k, right_quads, params.right_shift);
    let b00 = right_texel(rights, 0, nq);
    let b01 = right_texel(rights, 0, nq + 8);
    let b10 = right_texel(rights, 1, nq);
    let b11 = right_texel(rights, 1, nq + 8);
    let a00 = left_texel(lefts, 0, mq);
    let a01 = left_texel(lefts, 0, mq + 1);
    let a02 = left_texel(lefts, 0, mq + 2);
    let a03 = left_texel(lefts, 0, mq + 3);
    let a10 = left_texel(lefts, 1, mq);
    let a11 = left_texel(lefts, 1, mq + 1);
    let a12 = left_texel(lefts, 1, mq + 2);
    let a13 = left_texel(lefts, 1, mq + 3);
    c00 = outer(outer(c00, b00, a00), b10, a10);
    c01 = outer(outer(c01, b01, a00), b11, a10);
    c10 = outer(outer(c10, b00, a01), b10, a11);
    c11 = outer(outer(c11, b01, a01), b11, a11);
    c20 = outer(outer(c20, b00, a02), b10, a12);
    c21 = outer(outer(c21, b01, a02), b11, a12);
    c30 = outer(outer(c30, b00, a03), b10, a13);
    c31 = outer(outer(c31, b01, a03), b11, a13);
    if (SUM_LEFT) {
      sums += mat4x4f(a00 + a10, a01 + a11, a02 + a12, a03 + a13);
    }
  }

  for (var i = 0u; i < ROWS; i += 4) {
    for (var j = 0u; j < 4; j++) {
      finish_quad(m + i + j, n, tile.split, c00[0]);
      finish_quad(m + i + j, n + 32, tile.split, c01[0]);
      c00 = mat4x4f(c00[1], c00[2], c00[3], c00[0]);
      c01 = mat4x4f(c01[1], c01[2], c01[3], c01[0]);
    }
    c00 = c10;
    c01 = c11;
    c10 = c20;
    c11 = c21;
    c20 = c30;
    c21 = c31;
  }
  if (SUM_LEFT && tile.col == 0 && lane == 0) {
    store_sums(m, tile.split, sums[0]);
    store_sums(m + 4, tile.split, sums[1]);
    store_sums(m + 8, tile.split, sums[2]);
    store_sums(m + 12, tile.split, sums[3]);
  }
}
