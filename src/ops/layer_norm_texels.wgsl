// Inputs of the layer norm kernels in textures, which CPU adapters read several
// times faster than buffers; a kernel binds those that it reads.

@group(0) @binding(1) var input: texture_2d<f32>;
// Of the forward kernel.
@group(0) @binding(2) var beta: texture_2d<f32>;
// Of the backward kernels.
@group(0) @binding(2) var d_output: texture_2d<f32>;
@group(0) @binding(3) var gamma: texture_2d<f32>;
@group(0) @binding(4) var residual: texture_2d<f32>;
// Of the column kernel.
@group(0) @binding(3) var row_means: texture_2d<f32>;
@group(0) @binding(4) var row_rstds: texture_2d<f32>;

fn input_at(i: u32) -> Wide {
  return texel(input, i);
}

fn beta_at(i: u32) -> Wide {
  return texel(beta, i);
}

fn d_output_at(i: u32) -> Wide {
  return texel(d_output, i);
}

fn gamma_at(i: u32) -> Wide {
  return texel(gamma, i);
}

fn residual_at(i: u32) -> Wide {
  return texel(residual, i);
}

fn row_mean_at(row: u32) -> f32 {
  return texel(row_means, row / 4u)[row % 4u];
}

fn row_rstd_at(row: u32) -> f32 {
  return texel(row_rstds, row / 4u)[row % 4u];
}
