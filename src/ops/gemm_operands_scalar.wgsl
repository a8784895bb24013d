// Operands in buffers with rows of any length, for the tiled form.

@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;

// Four neighbours of a row. Past the end of the row: anything.
fn left_quad(row: u32, col: u32, cols: u32) -> vec4f {
  let i = row * cols + col;
  return vec4f(left[i], left[i + 1], left[i + 2], left[i + 3]);
}

fn right_quad(row: u32, col: u32, cols: u32) -> vec4f {
  let i = row * cols + col;
  return vec4f(right[i], right[i + 1], right[i + 2], right[i + 3]);
}
