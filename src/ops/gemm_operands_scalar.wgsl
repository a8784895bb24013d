// What is read, in buffers with rows of any length, for the tiled form.

@group(0) @binding(1) var<storage, read> left: array<Left>;
@group(0) @binding(2) var<storage, read> right: array<Right>;
@group(0) @binding(3) var<storage, read> bias: array<Bias>;
@group(0) @binding(4) var<storage, read> residual: array<Output>;
@group(0) @binding(5) var<storage, read> slope: array<Output>;

// Four neighbours of a row. Past the end of the row: anything.
fn left_quad(row: u32, col: u32, cols: u32) -> vec4f {
  let i = row * cols + col;
  return vec4f(
    f32(left[i]),
    f32(left[i + 1]),
    f32(left[i + 2]),
    f32(left[i + 3]),
  );
}

fn right_quad(row: u32, col: u32, cols: u32) -> vec4f {
  let i = row * cols + col;
  return vec4f(
    f32(right[i]),
    f32(right[i + 1]),
    f32(right[i + 2]),
    f32(right[i + 3]),
  );
}

fn bias_quad(n: u32) -> vec4f {
  return vec4f(
    f32(bias[n]),
    f32(bias[n + 1]),
    f32(bias[n + 2]),
    f32(bias[n + 3]),
  );
}

fn residual_quad(m: u32, n: u32) -> vec4f {
  let i = m * params.cols + n;
  return vec4f(
    f32(residual[i]),
    f32(residual[i + 1]),
    f32(residual[i + 2]),
    f32(residual[i + 3]),
  );
}

fn slope_quad(m: u32, n: u32) -> vec4f {
  let i = m * params.cols + n;
  return vec4f(f32(slope[i]), f32(slope[i + 1]), f32(slope[i + 2]), f32(slope[i + 3]));
}
