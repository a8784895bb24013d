// Matrix product for CPU adapters: 16 rows x 8 columns in registers of each
// invocation, the 8 invocations of a workgroup side by side along the columns.
// No workgroup memory: there it is as slow as any load, and loads are the limit.

const ROWS: u32 = 16;
const COLS: u32 = 64;

// sum + right left, for blocks as left_block() and right_block() give them.
fn product(sum: mat4x4f, b: mat4x4f, a: mat4x4f) -> mat4x4f {
  return mat4x4f(
    line(sum[0], b, a[0]),
    line(sum[1], b, a[1]),
    line(sum[2], b, a[2]),
    line(sum[3], b, a[3]),
  );
}

fn line(sum: vec4f, b: mat4x4f, a: vec4f) -> vec4f {
  return fma(b[3], vec4f(a.w), fma(b[2], vec4f(a.z), fma(b[1], vec4f(a.y), fma(b[0], vec4f(a.x), sum))));
}

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

  store_block(m, n, tile.split, c00);
  store_block(m, n + 32, tile.split, c01);
  store_block(m + 4, n, tile.split, c10);
  store_block(m + 4, n + 32, tile.split, c11);
  store_block(m + 8, n, tile.split, c20);
  store_block(m + 8, n + 32, tile.split, c21);
  store_block(m + 12, n, tile.split, c30);
  store_block(m + 12, n + 32, tile.split, c31);
  if (SUM_LEFT && tile.col == 0 && lane == 0) {
    store_sums(m, tile.split, sums[0]);
    store_sums(m + 4, tile.split, sums[1]);
    store_sums(m + 8, tile.split, sums[2]);
    store_sums(m + 12, tile.split, sums[3]);
  }
}
