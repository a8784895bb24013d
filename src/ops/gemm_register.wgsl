// Matrix product for CPU adapters: 16 rows x 8 columns in registers of each
// invocation, the 8 invocations of a workgroup side by side along the columns.
// No workgroup memory: there it is as slow as any load, and loads are the limit.

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

  var c00 = mat4x4f();
  var c01 = mat4x4f();
  var c10 = mat4x4f();
  var c11 = mat4x4f();
  var c20 = mat4x4f();
  var c21 = mat4x4f();
  var c30 = mat4x4f();
  var c31 = mat4x4f();
  var sums = mat4x4f();

  for (var k = tile.start; k < tile.end; k += 4) {
    let b0 = right_block(k, n);
    let b1 = right_block(k, n + 32);
    let a0 = left_block(m, k);
    c00 = product(c00, b0, a0);
    c01 = product(c01, b1, a0);
    let a1 = left_block(m + 4, k);
    c10 = product(c10, b0, a1);
    c11 = product(c11, b1, a1);
    let a2 = left_block(m + 8, k);
    c20 = product(c20, b0, a2);
    c21 = product(c21, b1, a2);
    let a3 = left_block(m + 12, k);
    c30 = product(c30, b0, a3);
    c31 = product(c31, b1, a3);
    if (SUM_LEFT) {
      let ones = vec4f(1.0);
      sums += mat4x4f(ones * a0, ones * a1, ones * a2, ones * a3);
    }
  }

  // Rows and blocks move up instead of being indexed: what a variable indexes does
  // not stay in registers, and unrolling this takes long to compile.
  for (var i = 0u; i < ROWS; i += 4) {
    for (var j = 0u; j < 4; j++) {
      store_quad(m + i + j, n, tile.split, c00[0]);
      store_quad(m + i + j, n + 32, tile.split, c01[0]);
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
