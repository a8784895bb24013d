// 4x4 blocks of the operands for the tiled form: column i is depth k + i, so that a
// block goes to workgroup memory as it is.

// Zeros where the depth ends, at `end`; anything past the rows.
fn left_block(m: u32, k: u32, end: u32) -> mat4x4f {
  let inside = vec4u(k, k + 1, k + 2, k + 3) < vec4u(end);
  if (TRANSPOSE_LEFT) {
    let last = params.depth - 1;
    let none = vec4f();
    return mat4x4f(
      select(none, left_quad(min(k, last), m, params.rows), inside.x),
      select(none, left_quad(min(k + 1, last), m, params.rows), inside.y),
      select(none, left_quad(min(k + 2, last), m, params.rows), inside.z),
      select(none, left_quad(min(k + 3, last), m, params.rows), inside.w),
    );
  }
  let last = params.rows - 1;
  return transpose(within(mat4x4f(
    left_quad(min(m, last), k, params.depth),
    left_quad(min(m + 1, last), k, params.depth),
    left_quad(min(m + 2, last), k, params.depth),
    left_quad(min(m + 3, last), k, params.depth),
  ), inside));
}

// Finite past the depth, where left is 0.
fn right_block(k: u32, n: u32, end: u32) -> mat4x4f {
  if (TRANSPOSE_RIGHT) {
    let inside = vec4u(k, k + 1, k + 2, k + 3) < vec4u(end);
    let last = params.cols - 1;
    return transpose(within(mat4x4f(
      right_quad(min(n, last), k, params.depth),
      right_quad(min(n + 1, last), k, params.depth),
      right_quad(min(n + 2, last), k, params.depth),
      right_quad(min(n + 3, last), k, params.depth),
    ), inside));
  }
  let last = params.depth - 1;
  return mat4x4f(
    right_quad(min(k, last), n, params.cols),
    right_quad(min(k + 1, last), n, params.cols),
    right_quad(min(k + 2, last), n, params.cols),
    right_quad(min(k + 3, last), n, params.cols),
  );
}

// Zeros in the rows that are not inside.
fn within(block: mat4x4f, inside: vec4<bool>) -> mat4x4f {
  let none = vec4f();
  return mat4x4f(
    select(none, block[0], inside),
    select(none, block[1], inside),
    select(none, block[2], inside),
    select(none, block[3], inside),
  );
}
