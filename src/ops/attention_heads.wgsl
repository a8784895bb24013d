// What the attention kernels share: parameters, addresses and blocks of 16
// elements of a head's row, kept as 4x4 matrices. BLOCKS, how many a row takes, is
// put before this text; what is past the row is 0.
//
// Columns of qkv and its gradient: q, then k, then v, each [heads, head_dim].

// Parts of qkv.
const Q: u32 = 0;
const K: u32 = 1;
const V: u32 = 2;

struct Params {
  batch: u32,
  tokens: u32,
  heads: u32,
  head_dim: u32,
  // Workgroups of one head of one image.
  groups: u32,
  // 1 / sqrt(head_dim)
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
// Each kernel declares `stored`, what store_quad() writes to.

// One head of one image.
struct Head {
  // Row of its first token in qkv, and of its statistics.
  row: u32,
  statistics: u32,
  head: u32,
  // First token of the workgroup, and whether there is such a head.
  token: u32,
  exists: bool,
}

// The head of this workgroup.
var<private> head: Head;

fn head_of(group: u32, tokens_per_group: u32) -> Head {
  let index = group / params.groups;
  return Head(
    index / params.heads * params.tokens,
    index * params.tokens,
    index % params.heads,
    group % params.groups * tokens_per_group,
    index < params.batch * params.heads,
  );
}

// Start of the head's row in qkv.
fn qkv_start(part: u32, token: u32) -> u32 {
  return (((head.row + token) * 3 + part) * params.heads + head.head) *
    params.head_dim;
}

// The same in the output and its gradient.
fn output_start(token: u32) -> u32 {
  return ((head.row + token) * params.heads + head.head) * params.head_dim;
}

fn product(a: mat4x4f, b: mat4x4f) -> f32 {
  let sum = fma(a[3], b[3], fma(a[2], b[2], fma(a[1], b[1], a[0] * b[0])));
  return (sum.x + sum.y) + (sum.z + sum.w);
}

// sum + factor * x
fn add_scaled(sum: mat4x4f, factor: f32, x: mat4x4f) -> mat4x4f {
  let f = vec4f(factor);
  return mat4x4f(
    fma(f, x[0], sum[0]),
    fma(f, x[1], sum[1]),
    fma(f, x[2], sum[2]),
    fma(f, x[3], sum[3]),
  );
}

// Writes what is inside the head's row.
fn store_block(start: u32, block: u32, values: mat4x4f) {
  let at = block * 16;
  store_quad(start, at, values[0]);
  store_quad(start, at + 4, values[1]);
  store_quad(start, at + 8, values[2]);
  store_quad(start, at + 12, values[3]);
}
