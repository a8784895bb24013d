// Inputs of the layer norm kernels in buffers; a kernel binds those that it reads.

@group(0) @binding(1) var<storage, read> input: array<Stored>;
// Of the forward kernel.
@group(0) @binding(2) var<storage, read> beta: array<Wide>;
// Of the backward kernels.
@group(0) @binding(2) var<storage, read> d_output: array<Stored>;
@group(0) @binding(3) var<storage, read> gamma: array<Wide>;
@group(0) @binding(4) var<storage, read> residual: array<Stored>;
// Of the column kernel.
@group(0) @binding(3) var<storage, read> row_means: array<f32>;
@group(0) @binding(4) var<storage, read> row_rstds: array<f32>;

fn input_at(i: u32) -> Wide {
  return Wide(input[i]);
}

fn beta_at(i: u32) -> Wide {
  return beta[i];
}

fn d_output_at(i: u32) -> Wide {
  return Wide(d_output[i]);
}

fn gamma_at(i: u32) -> Wide {
  return gamma[i];
}

fn residual_at(i: u32) -> Wide {
  return Wide(residual[i]);
}

fn row_mean_at(row: u32) -> f32 {
  return row_means[row];
}

fn row_rstd_at(row: u32) -> f32 {
  return row_rstds[row];
}
