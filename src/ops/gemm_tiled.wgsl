// Matrix product for GPUs: a workgroup makes 64 x 64 of the output from tiles of
// depth 16 in workgroup memory, 8 rows x 4 columns an invocation.

const SIZE: u32 = 64;
const DEPTH: u32 = 16;
const QUADS: u32 = SIZE / 4;

// [depth][quad]: four rows of left, four columns of right.
var<workgroup> left_tile: array<vec4f, DEPTH * QUADS>;
var<workgroup> right_tile: array<vec4f, DEPTH * QUADS>;

@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tile_of(group.y * groups.x + group.x, SIZE, SIZE);
  // 16 quads of columns, 8 pairs of quads of rows.
  let col = lane % QUADS;
  let row = lane / QUADS;
  // The first 64 invocations load left, the others right, a 4x4 block each.
  let block = lane % 64;

  var c0 = mat4x4f();
  var c1 = mat4x4f();
  var sum0 = vec4f();
  var sum1 = vec4f();

  for (var k = tile.start; k < tile.end; k += DEPTH) {
    workgroupBarrier();
    if (lane < 64) {
      let quad = block / 4;
      let inner = block % 4 * 4;
      let values = transpose(left_block(tile.row + quad * 4, k + inner));
      left_tile[inner * QUADS + quad] = values[0];
      left_tile[(inner + 1) * QUADS + quad] = values[1];
      left_tile[(inner + 2) * QUADS + quad] = values[2];
      left_tile[(inner + 3) * QUADS + quad] = values[3];
    } else {
      let quad = select(block % QUADS, block / 4, TRANSPOSE_RIGHT);
      let inner = select(block / QUADS, block % 4, TRANSPOSE_RIGHT) * 4;
      let values = right_block(k + inner, tile.col + quad * 4);
      right_tile[inner * QUADS + quad] = values[0];
      right_tile[(inner + 1) * QUADS + quad] = values[1];
      right_tile[(inner + 2) * QUADS + quad] = values[2];
      right_tile[(inner + 3) * QUADS + quad] = values[3];
    }
    workgroupBarrier();
    for (var d = 0u; d < DEPTH; d++) {
      let b = right_tile[d * QUADS + col];
      let a0 = left_tile[d * QUADS + row];
      let a1 = left_tile[d * QUADS + row + QUADS / 2];
      c0[0] = fma(b, vec4f(a0.x), c0[0]);
      c0[1] = fma(b, vec4f(a0.y), c0[1]);
      c0[2] = fma(b, vec4f(a0.z), c0[2]);
      c0[3] = fma(b, vec4f(a0.w), c0[3]);
      c1[0] = fma(b, vec4f(a1.x), c1[0]);
      c1[1] = fma(b, vec4f(a1.y), c1[1]);
      c1[2] = fma(b, vec4f(a1.z), c1[2]);
      c1[3] = fma(b, vec4f(a1.w), c1[3]);
      if (SUM_LEFT) {
        sum0 += a0;
        sum1 += a1;
      }
    }
  }

  let m = tile.row + row * 4;
  let n = tile.col + col * 4;
  store_quad(m, n, tile.split, c0[0]);
  store_quad(m + 1, n, tile.split, c0[1]);
  store_quad(m + 2, n, tile.split, c0[2]);
  store_quad(m + 3, n, tile.split, c0[3]);
  store_quad(m + SIZE / 2, n, tile.split, c1[0]);
  store_quad(m + SIZE / 2 + 1, n, tile.split, c1[1]);
  store_quad(m + SIZE / 2 + 2, n, tile.split, c1[2]);
  store_quad(m + SIZE / 2 + 3, n, tile.split, c1[3]);
  if (SUM_LEFT && n == 0) {
    store_sums(m, tile.split, sum0);
    store_sums(m + SIZE / 2, tile.split, sum1);
  }
}
