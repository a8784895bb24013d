// What is read, in textures of the register form. See MatrixLayout: rows start at a
// texel, and zeros follow their ends. What is past the last row is any number.

@group(0) @binding(1) var left: LeftTexels;
@group(0) @binding(2) var right: RightTexels;
@group(0) @binding(3) var bias: BiasTexels;
@group(0) @binding(4) var residual: OutputTexels;
@group(0) @binding(5) var slope: OutputTexels;

// First texels of four rows.
struct Rows {
  x: vec4u,
  y: vec4u,
}

fn rows_from(row: u32, quads: u32, shift: u32) -> Rows {
  let rows = vec4u(row, row + 1, row + 2, row + 3);
  return Rows(
    (rows & vec4u((1u << shift) - 1)) * quads,
    rows >> vec4u(shift),
  );
}

// The same, from rows_from(0, ..) with fewer operations, for an even row of which
// two are read or a multiple of 4.
fn rows_after(first: Rows, row: u32, quads: u32, shift: u32) -> Rows {
  return Rows(
    first.x + vec4u((row & ((1u << shift) - 1)) * quads),
    first.y + vec4u(row >> shift),
  );
}

fn quads_of(cols: u32) -> u32 {
  return (cols + 3) / 4;
}

// Column i is quad q of row i.
fn left_block(rows: Rows, q: u32) -> mat4x4f {
  return mat4x4f(
    textureLoad(left, vec2u(rows.x.x + q, rows.y.x)),
    textureLoad(left, vec2u(rows.x.y + q, rows.y.y)),
    textureLoad(left, vec2u(rows.x.z + q, rows.y.z)),
    textureLoad(left, vec2u(rows.x.w + q, rows.y.w)),
  );
}

fn right_block(rows: Rows, q: u32) -> mat4x4f {
  return mat4x4f(
    textureLoad(right, vec2u(rows.x.x + q, rows.y.x)),
    textureLoad(right, vec2u(rows.x.y + q, rows.y.y)),
    textureLoad(right, vec2u(rows.x.z + q, rows.y.z)),
    textureLoad(right, vec2u(rows.x.w + q, rows.y.w)),
  );
}

fn left_texel(rows: Rows, i: u32, q: u32) -> vec4f {
  return textureLoad(left, vec2u(rows.x[i] + q, rows.y[i]));
}

fn right_texel(rows: Rows, i: u32, q: u32) -> vec4f {
  return textureLoad(right, vec2u(rows.x[i] + q, rows.y[i]));
}

fn output_at(m: u32, n: u32) -> vec2u {
  let shift = params.output_shift;
  let x = (m & ((1u << shift) - 1)) * quads_of(params.cols);
  return vec2u(x + n / 4, m >> shift);
}

fn bias_quad(n: u32) -> vec4f {
  return textureLoad(bias, vec2u(n / 4, 0));
}

fn residual_quad(m: u32, n: u32) -> vec4f {
  return textureLoad(residual, output_at(m, n));
}

fn slope_quad(m: u32, n: u32) -> vec4f {
  return textureLoad(slope, output_at(m, n));
}
