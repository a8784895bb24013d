// Operands whose rows are multiples of 4 long.

@group(0) @binding(1) var<storage, read> left: array<vec4f>;
@group(0) @binding(2) var<storage, read> right: array<vec4f>;

// Four neighbours of a row. Past the end of the row: the row's last four.
fn left_quad(row: u32, col: u32, cols: u32) -> vec4f {
  return left[(row * cols + min(col, cols - 4)) / 4];
}

fn right_quad(row: u32, col: u32, cols: u32) -> vec4f {
  return right[(row * cols + min(col, cols - 4)) / 4];
}
