// Inputs of the layer norm kernels in textures, which CPU adapters read several
// times faster than buffers; a kernel binds those that it reads.

@group(0) @binding(1) var input: RealTexels;
// Of the forward kernel.
@group(0) @binding(2) var beta: FloatTexels;
// Of the backward kernel.
@group(0) @binding(2) var d_output: RealTexels;
@group(0) @binding(3) var gamma: FloatTexels;
@group(0) @binding(4) var residual: RealTexels;

fn row_start(row: u32) -> vec2u {
  let shift = params.shift;
  return vec2u((row & ((1u << shift) - 1u)) * params.cols, row >> shift);
}

fn input_at(start: vec2u, c: u32) -> Wide {
  return textureLoad(input, start + vec2u(c, 0u));
}

fn beta_at(c: u32) -> Wide {
  return textureLoad(beta, vec2u(c, 0u));
}

fn d_output_at(start: vec2u, c: u32) -> Wide {
  return textureLoad(d_output, start + vec2u(c, 0u));
}

fn gamma_at(c: u32) -> Wide {
  return textureLoad(gamma, vec2u(c, 0u));
}

fn residual_at(start: vec2u, c: u32) -> Wide {
  return textureLoad(residual, start + vec2u(c, 0u));
}
