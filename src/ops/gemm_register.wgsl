// Matrix product for CPU adapters: 12 rows x 8 columns in registers of each
// invocation, the 8 invocations of a workgroup side by side along the columns.
// No workgroup memory: there it is as slow as any load, and loads are the limit.

const ROWS: u32 = 12;
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

  let left_quads = quads_of(params.depth);
  let m0 = rows_from(m, left_quads, params.left_shift);
  let m1 = rows_from(m + 4, left_quads, params.left_shift);
  let m2 = rows_from(m + 8, left_quads, params.left_shift);
  let right_quads = quads_of(select(params.cols, params.depth, TRANSPOSE_RIGHT));
  let k0 = rows_from(0, right_quads, params.right_shift);
  let n0 = rows_from(n, right_quads, params.right_shift);
  let n1 = rows_from(n + 32, right_quads, params.right_shift);

  var c00 = mat4x4f();
  var c01 = mat4x4f();
  var c10 = mat4x4f();
  var c11 = mat4x4f();
  var c20 = mat4x4f();
  var c21 = mat4x4f();

  for (var k = 0u; k < params.depth; k += 4) {
    var b0: mat4x4f;
    var b1: mat4x4f;
    if (TRANSPOSE_RIGHT) {
      b0 = transpose(right_block(n0, k / 4));
      b1 = transpose(right_block(n1, k / 4));
    } else {
      let rows = rows_after(k0, k, right_quads, params.right_shift);
      b0 = right_block(rows, n / 4);
      b1 = right_block(rows, n / 4 + 8);
    }
    let a0 = left_block(m0, k / 4);
    let a1 = left_block(m1, k / 4);
    let a2 = left_block(m2, k / 4);
    c00 = product(c00, b0, a0);
    c01 = product(c01, b1, a0);
    c10 = product(c10, b0, a1);
    c11 = product(c11, b1, a1);
    c20 = product(c20, b0, a2);
    c21 = product(c21, b1, a2);
  }

  // Rows and blocks move up instead of being indexed: what a variable indexes does
  // not stay in registers, and unrolling this takes long to compile.
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
  }
}
