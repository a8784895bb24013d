// Operands in buffers whose rows are multiples of 4 long, for the tiled form.

@group(0) @binding(1) var<storage, read> left: array<vec4f>;
@group(0) @binding(2) var<storage, read> right: array<vec4f>;

// Four neighbours of a row. Past the end of the row: anything.
fn left_quad(row: u32, col: u32, cols: u32) -> vec4f {
  return left[(row * cols + col) / 4];
}

fn right_quad(row: u32, col: u32, cols: u32) -> vec4f {
  return right[(row * cols + col) / 4];
}
