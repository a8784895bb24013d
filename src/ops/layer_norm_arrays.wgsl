// Inputs of the layer norm kernels in buffers; a kernel binds those that it reads.

@group(0) @binding(1) var<storage, read> input: array<Stored>;
// Of the forward kernel.
@group(0) @binding(2) var<storage, read> beta: array<Wide>;
// Of the backward kernel.
@group(0) @binding(2) var<storage, read> d_output: array<Stored>;
@group(0) @binding(3) var<storage, read> gamma: array<Wide>;
@group(0) @binding(4) var<storage, read> residual: array<Stored>;

fn row_start(row: u32) -> u32 {
  return row * params.cols;
}

fn input_at(start: u32, c: u32) -> Wide {
  return Wide(input[start + c]);
}

fn beta_at(c: u32) -> Wide {
  return beta[c];
}

fn d_output_at(start: u32, c: u32) -> Wide {
  return Wide(d_output[start + c]);
}

fn gamma_at(c: u32) -> Wide {
  return gamma[c];
}

fn residual_at(start: u32, c: u32) -> Wide {
  return Wide(residual[start + c]);
}
