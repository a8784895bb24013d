// The walk that the attention kernels have in common. An invocation owns ROWS rows of
// a head, with operands a and b, and goes past all rows of the other side, with
// operands s and t; what it sums stays in registers.
//
//   scores a . s and b . t          sums x += weight s, y = keep y + weight t
//
// A kernel declares which of these it needs (USES_B, SUMS_S, SUMS_T, STREAMS_SCALARS),
// its operands as quads (a_quad, b_quad, s_quad, t_quad, streamed_scalars) and what
// happens: begin() before the walk, visit() at each row, finish() for each own row.

// 1, 2 or 3.
override ROWS: u32 = 1;

// Of the first, second and third own row.
var<private> a0: array<mat4x4f, BLOCKS>;
var<private> a1: array<mat4x4f, BLOCKS>;
var<private> a2: array<mat4x4f, BLOCKS>;
var<private> b0: array<mat4x4f, BLOCKS>;
var<private> b1: array<mat4x4f, BLOCKS>;
var<private> b2: array<mat4x4f, BLOCKS>;
var<private> x0: array<mat4x4f, BLOCKS>;
var<private> x1: array<mat4x4f, BLOCKS>;
var<private> x2: array<mat4x4f, BLOCKS>;
var<private> y0: array<mat4x4f, BLOCKS>;
var<private> y1: array<mat4x4f, BLOCKS>;
var<private> y2: array<mat4x4f, BLOCKS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  head = head_of(group.y * groups.x + group.x, LANES * ROWS);
  let token = head.token + lane + vec3u(0, LANES, 2 * LANES);
  let own = min(token, vec3u(params.tokens - 1));
  load_own(own);
  begin(own);
  for (var first = 0u; first < params.tokens; first += tile_rows()) {
    fill_tile(first, lane);
    let slots = min(tile_rows(), params.tokens - first);
    for (var slot = 0u; slot < slots; slot++) {
      visit(slot);
    }
  }
  if (ROWS == 1) {
    finish_inside(token.x, 0);
    return;
  }
  // The rows move up instead of being indexed, to compile one copy of finish().
  for (var i = 0u; i < ROWS; i++) {
    finish_inside(token[i], i);
    x0 = x1;
    x1 = x2;
    y0 = y1;
    y1 = y2;
  }
}

fn finish_inside(token: u32, i: u32) {
  if (head.exists && token < params.tokens) {
    finish(token, i);
  }
}

// Blocks are unrolled by hand, here and below: an array that a variable indexes
// does not stay in registers. Lines of blocks that a row does not have are taken out
// before compilation, see attention_kernels.ts.
fn load_own(own: vec3u) {
  load_block(own, 0);
  if (BLOCKS > 1) { load_block(own, 1); }
  if (BLOCKS > 2) { load_block(own, 2); }
  if (BLOCKS > 3) { load_block(own, 3); }
  if (BLOCKS > 4) { load_block(own, 4); }
  if (BLOCKS > 5) { load_block(own, 5); }
  if (BLOCKS > 6) { load_block(own, 6); }
  if (BLOCKS > 7) { load_block(own, 7); }
}

fn load_block(own: vec3u, c: u32) {
  a0[c] = a_block(own.x, c * 16);
  if (ROWS > 1) {
    a1[c] = a_block(own.y, c * 16);
  }
  if (ROWS > 2) {
    a2[c] = a_block(own.z, c * 16);
  }
  if (USES_B) {
    b0[c] = b_block(own.x, c * 16);
    if (ROWS > 1) {
      b1[c] = b_block(own.y, c * 16);
    }
    if (ROWS > 2) {
      b2[c] = b_block(own.z, c * 16);
    }
  }
}

fn a_block(token: u32, at: u32) -> mat4x4f {
  return mat4x4f(
    a_quad(token, at),
    a_quad(token, at + 4),
    a_quad(token, at + 8),
    a_quad(token, at + 12),
  );
}

fn b_block(token: u32, at: u32) -> mat4x4f {
  return mat4x4f(
    b_quad(token, at),
    b_quad(token, at + 4),
    b_quad(token, at + 8),
    b_quad(token, at + 12),
  );
}

// a . s and b . t, each for the own rows.
fn products(slot: u32) -> mat2x3f {
  var sum = product_block(slot, 0);
  if (BLOCKS > 1) { sum += product_block(slot, 1); }
  if (BLOCKS > 2) { sum += product_block(slot, 2); }
  if (BLOCKS > 3) { sum += product_block(slot, 3); }
  if (BLOCKS > 4) { sum += product_block(slot, 4); }
  if (BLOCKS > 5) { sum += product_block(slot, 5); }
  if (BLOCKS > 6) { sum += product_block(slot, 6); }
  if (BLOCKS > 7) { sum += product_block(slot, 7); }
  return sum;
}

fn product_block(slot: u32, c: u32) -> mat2x3f {
  let s = s_block(slot, c);
  var with_s = vec3f(product(a0[c], s), 0, 0);
  if (ROWS > 1) {
    with_s.y = product(a1[c], s);
  }
  if (ROWS > 2) {
    with_s.z = product(a2[c], s);
  }
  var with_t = vec3f();
  if (USES_B) {
    let t = t_block(slot, c);
    with_t.x = product(b0[c], t);
    if (ROWS > 1) {
      with_t.y = product(b1[c], t);
    }
    if (ROWS > 2) {
      with_t.z = product(b2[c], t);
    }
  }
  return mat2x3f(with_s, with_t);
}

// Adds weighted s and t to the sums of the own rows.
fn add(slot: u32, weight_s: vec3f, keep: vec3f, weight_t: vec3f) {
  add_block(slot, 0, weight_s, keep, weight_t);
  if (BLOCKS > 1) { add_block(slot, 1, weight_s, keep, weight_t); }
  if (BLOCKS > 2) { add_block(slot, 2, weight_s, keep, weight_t); }
  if (BLOCKS > 3) { add_block(slot, 3, weight_s, keep, weight_t); }
  if (BLOCKS > 4) { add_block(slot, 4, weight_s, keep, weight_t); }
  if (BLOCKS > 5) { add_block(slot, 5, weight_s, keep, weight_t); }
  if (BLOCKS > 6) { add_block(slot, 6, weight_s, keep, weight_t); }
  if (BLOCKS > 7) { add_block(slot, 7, weight_s, keep, weight_t); }
}

fn add_block(slot: u32, c: u32, weight_s: vec3f, keep: vec3f, weight_t: vec3f) {
  if (SUMS_S) {
    let s = s_again(slot, c);
    x0[c] = add_scaled(x0[c], weight_s.x, s);
    if (ROWS > 1) {
      x1[c] = add_scaled(x1[c], weight_s.y, s);
    }
    if (ROWS > 2) {
      x2[c] = add_scaled(x2[c], weight_s.z, s);
    }
  }
  if (SUMS_T) {
    var t = mat4x4f();
    if (USES_B) {
      t = t_again(slot, c);
    } else {
      t = t_block(slot, c);
    }
    y0[c] = add_scaled(keep.x * y0[c], weight_t.x, t);
    if (ROWS > 1) {
      y1[c] = add_scaled(keep.y * y1[c], weight_t.y, t);
    }
    if (ROWS > 2) {
      y2[c] = add_scaled(keep.z * y2[c], weight_t.z, t);
    }
  }
}

// Writes x of the first own row to row `x_start` of `stored`, and y to `y_start`.
fn store(x_start: u32, y_start: u32, factor: f32) {
  store_blocks(x_start, y_start, factor, 0);
  if (BLOCKS > 1) { store_blocks(x_start, y_start, factor, 1); }
  if (BLOCKS > 2) { store_blocks(x_start, y_start, factor, 2); }
  if (BLOCKS > 3) { store_blocks(x_start, y_start, factor, 3); }
  if (BLOCKS > 4) { store_blocks(x_start, y_start, factor, 4); }
  if (BLOCKS > 5) { store_blocks(x_start, y_start, factor, 5); }
  if (BLOCKS > 6) { store_blocks(x_start, y_start, factor, 6); }
  if (BLOCKS > 7) { store_blocks(x_start, y_start, factor, 7); }
}

fn store_blocks(x_start: u32, y_start: u32, factor: f32, c: u32) {
  if (SUMS_S) {
    store_block(x_start, c, x0[c]);
  }
  if (SUMS_T) {
    store_block(y_start, c, factor * y0[c]);
  }
}
