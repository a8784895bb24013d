// Operands with rows of any length.

@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;

// Four neighbours of a row. Past the end of the row: its last element.
fn left_quad(row: u32, col: u32, cols: u32) -> vec4f {
  let start = row * cols;
  let last = cols - 1;
  return vec4f(
    left[start + min(col, last)],
    left[start + min(col + 1, last)],
    left[start + min(col + 2, last)],
    left[start + min(col + 3, last)],
  );
}

fn right_quad(row: u32, col: u32, cols: u32) -> vec4f {
  let start = row * cols;
  let last = cols - 1;
  return vec4f(
    right[start + min(col, last)],
    right[start + min(col + 1, last)],
    right[start + min(col + 2, last)],
    right[start + min(col + 3, last)],
  );
}
