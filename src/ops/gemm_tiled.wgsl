// Matrix product for GPUs: a workgroup makes ROW_QUADS*4 x 64 of the output from
// tiles of depth 16 in workgroup memory, 8 rows x 8 columns an invocation.
//
// The next tiles travel from memory to registers while the current ones are
// multiplied. Eight neighbouring invocations touch eight neighbouring quads of
// workgroup memory or one and the same, so no access waits for a bank.

// 16 or 32; invocations are 4 times as many.
override ROW_QUADS: u32 = 16;
override LANES: u32 = 64;

const DEPTH: u32 = 16;
const COL_QUADS: u32 = 16;

// [depth][quad]: four rows of left, four columns of right.
var<workgroup> left_tile: array<vec4f, DEPTH * ROW_QUADS>;
var<workgroup> right_tile: array<vec4f, DEPTH * COL_QUADS>;

// The 4x4 block of a tile that an invocation loads: four rows or columns, four depths.
struct Block {
  quad: u32,
  depth: u32,
}

// Neighbours follow the memory that they read: the quads of a row, or two quads of
// depth for eight rows.
fn block_of(lane: u32, quads: u32, along_depth: bool) -> Block {
  if (along_depth) {
    return Block(
      lane % 8 + lane / 16 % (quads / 8) * 8,
      (lane / 8 % 2 + lane / (2 * quads) * 2) * 4,
    );
  }
  return Block(lane % quads, lane / quads * 4);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tile_of(group.y * groups.x + group.x, ROW_QUADS * 4, 64);
  let col = lane % 8;
  let row = lane / 8;
  let l = block_of(lane, ROW_QUADS, !TRANSPOSE_LEFT);
  let r = block_of(lane % 64, COL_QUADS, TRANSPOSE_RIGHT);
  let m = tile.row + l.quad * 4;
  let n = tile.col + r.quad * 4;

  var c00 = mat4x4f();
  var c01 = mat4x4f();
  var c10 = mat4x4f();
  var c11 = mat4x4f();
  var sum0 = vec4f();
  var sum1 = vec4f();
  var next_left = left_block(m, tile.start + l.depth, tile.end);
  var next_right = mat4x4f();
  if (lane < 64) {
    next_right = right_block(tile.start + r.depth, n, tile.end);
  }

  for (var k = tile.start; k < tile.end; k += DEPTH) {
    workgroupBarrier();
    left_tile[l.depth * ROW_QUADS + l.quad] = next_left[0];
    left_tile[(l.depth + 1) * ROW_QUADS + l.quad] = next_left[1];
    left_tile[(l.depth + 2) * ROW_QUADS + l.quad] = next_left[2];
    left_tile[(l.depth + 3) * ROW_QUADS + l.quad] = next_left[3];
    if (lane < 64) {
      right_tile[r.depth * COL_QUADS + r.quad] = next_right[0];
      right_tile[(r.depth + 1) * COL_QUADS + r.quad] = next_right[1];
      right_tile[(r.depth + 2) * COL_QUADS + r.quad] = next_right[2];
      right_tile[(r.depth + 3) * COL_QUADS + r.quad] = next_right[3];
    }
    workgroupBarrier();
    if (k + DEPTH < tile.end) {
      next_left = left_block(m, k + DEPTH + l.depth, tile.end);
      if (lane < 64) {
        next_right = right_block(k + DEPTH + r.depth, n, tile.end);
      }
    }
    for (var d = 0u; d < DEPTH; d += 2) {
      let a = d * ROW_QUADS + row;
      let b = d * COL_QUADS + col;
      let a0 = left_tile[a];
      let a1 = left_tile[a + ROW_QUADS / 2];
      let b0 = right_tile[b];
      let b1 = right_tile[b + COL_QUADS / 2];
      c00 = outer(c00, b0, a0);
      c01 = outer(c01, b1, a0);
      c10 = outer(c10, b0, a1);
      c11 = outer(c11, b1, a1);
      let a2 = left_tile[a + ROW_QUADS];
      let a3 = left_tile[a + ROW_QUADS + ROW_QUADS / 2];
      let b2 = right_tile[b + COL_QUADS];
      let b3 = right_tile[b + COL_QUADS + COL_QUADS / 2];
      c00 = outer(c00, b2, a2);
      c01 = outer(c01, b3, a2);
      c10 = outer(c10, b2, a3);
      c11 = outer(c11, b3, a3);
      if (SUM_LEFT) {
        sum0 += a0 + a2;
        sum1 += a1 + a3;
      }
    }
  }

  let m0 = tile.row + row * 4;
  let m1 = m0 + ROW_QUADS * 2;
  let n0 = tile.col + col * 4;
  let n1 = n0 + 32;
  for (var i = 0u; i < 4; i++) {
    finish_quad(m0 + i, n0, tile.split, c00[0]);
    finish_quad(m0 + i, n1, tile.split, c01[0]);
    finish_quad(m1 + i, n0, tile.split, c10[0]);
    finish_quad(m1 + i, n1, tile.split, c11[0]);
    // Moved up instead of indexed: what a variable indexes leaves the registers.
    c00 = mat4x4f(c00[1], c00[2], c00[3], c00[0]);
    c01 = mat4x4f(c01[1], c01[2], c01[3], c01[0]);
    c10 = mat4x4f(c10[1], c10[2], c10[3], c10[0]);
    c11 = mat4x4f(c11[1], c11[2], c11[3], c11[0]);
  }
  if (SUM_LEFT && n0 == 0) {
    store_sums(m0, tile.split, sum0);
    store_sums(m1, tile.split, sum1);
  }
}
