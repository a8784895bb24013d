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

  // Rows of the tile as quads: kept in an array only here, since what is indexed
  // by a variable does not stay in registers.
  var quads: array<vec4f, 32>;
  quads[0] = c00[0];
  quads[1] = c01[0];
  quads[2] = c00[1];
  quads[3] = c01[1];
  quads[4] = c00[2];
  quads[5] = c01[2];
  quads[6] = c00[3];
  quads[7] = c01[3];
  quads[8] = c10[0];
  quads[9] = c11[0];
  quads[10] = c10[1];
  quads[11] = c11[1];
  quads[12] = c10[2];
  quads[13] = c11[2];
  quads[14] = c10[3];
  quads[15] = c11[3];
  quads[16] = c20[0];
  quads[17] = c21[0];
  quads[18] = c20[1];
  quads[19] = c21[1];
  quads[20] = c20[2];
  quads[21] = c21[2];
  quads[22] = c20[3];
  quads[23] = c21[3];
  quads[24] = c30[0];
  quads[25] = c31[0];
  quads[26] = c30[1];
  quads[27] = c31[1];
  quads[28] = c30[2];
  quads[29] = c31[2];
  quads[30] = c30[3];
  quads[31] = c31[3];
  for (var i = 0u; i < 32; i++) {
    store_quad(m + i / 2, n + i % 2 * 32, tile.split, quads[i]);
  }
  if (SUM_LEFT && tile.col == 0 && lane == 0) {
    store_sums(m, tile.split, sums[0]);
    store_sums(m + 4, tile.split, sums[1]);
    store_sums(m + 8, tile.split, sums[2]);
    store_sums(m + 12, tile.split, sums[3]);
  }
}
