// What is read, in buffers whose rows are multiples of 4 long, for the tiled form.

@group(0) @binding(1) var<storage, read> left: array<vec4<Left>>;
@group(0) @binding(2) var<storage, read> right: array<vec4<Right>>;
@group(0) @binding(3) var<storage, read> bias: array<Bias4>;
@group(0) @binding(4) var<storage, read> residual: array<vec4<Output>>;
@group(0) @binding(5) var<storage, read> slope: array<vec4<Output>>;

// Four neighbours of a row. Past the end of the row: anything.
fn left_quad(row: u32, col: u32, cols: u32) -> vec4f {
  return vec4f(left[(row * cols + col) / 4]);
}

fn right_quad(row: u32, col: u32, cols: u32) -> vec4f {
  return vec4f(right[(row * cols + col) / 4]);
}

fn bias_quad(n: u32) -> vec4f {
  return vec4f(bias[n / 4]);
}

fn residual_quad(m: u32, n: u32) -> vec4f {
  return vec4f(residual[(m * params.cols + n) / 4]);
}

fn slope_quad(m: u32, n: u32) -> vec4f {
  return vec4f(slope[(m * params.cols + n) / 4]);
}
