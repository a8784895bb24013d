// Operands in textures, for the register form.

@group(0) @binding(1) var left: texture_2d<f32>;
@group(0) @binding(2) var right: texture_2d<f32>;
@group(0) @binding(3) var bias: texture_2d<f32>;
@group(0) @binding(4) var residual: texture_2d<f32>;
@group(0) @binding(5) var pre: texture_2d<f32>;

// Whether rows of the operands are multiples of 4 long, and of the output.
override ALIGNED: bool = false;
override ALIGNED_OUTPUT: bool = false;

// Four neighbours of a row. Past the end of the row: anything.
fn left_quad(row: u32, col: u32, cols: u32) -> vec4f {
  let i = row * cols + col;
  if (ALIGNED) {
    return texel(left, i / 4);
  }
  return texels(left, i);
}

fn right_quad(row: u32, col: u32, cols: u32) -> vec4f {
  let i = row * cols + col;
  if (ALIGNED) {
    return texel(right, i / 4);
  }
  return texels(right, i);
}

fn bias_quad(i: u32) -> vec4f {
  return texel(bias, i / 4);
}

fn residual_quad(i: u32) -> vec4f {
  if (ALIGNED_OUTPUT) {
    return texel(residual, i / 4);
  }
  return texels(residual, i);
}

fn pre_quad(i: u32) -> vec4f {
  if (ALIGNED_OUTPUT) {
    return texel(pre, i / 4);
  }
  return texels(pre, i);
}
