/** LayerNorm over rows of `dim` values, with the biased variance, in float64. */
export function layerNormReference(
  input: ArrayLike<number>,
  gamma: ArrayLike<number>,
  beta: ArrayLike<number>,
  { dim, epsilon }: { dim: number; epsilon: number },
): { output: Float64Array; mean: Float64Array; rstd: Float64Array } {
  const rows = input.length / dim;
  const output = new Float64Array(input.length);
  const mean = new Float64Array(rows);
  const rstd = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < dim; c++) mean[r]! += input[r * dim + c]! / dim;
    let variance = 0;
    for (let c = 0; c < dim; c++) {
      variance += (input[r * dim + c]! - mean[r]!) ** 2 / dim;
    }
    rstd[r] = 1 / Math.sqrt(variance + epsilon);
    for (let c = 0; c < dim; c++) {
      const x = (input[r * dim + c]! - mean[r]!) * rstd[r]!;
      output[r * dim + c] = x * gamma[c]! + beta[c]!;
    }
  }
  return { output, mean, rstd };
}

/** Gradients of {@linkcode layerNormReference}. */
export function layerNormBackwardReference(
  input: ArrayLike<number>,
  gamma: ArrayLike<number>,
  dOutput: ArrayLike<number>,
  { dim, epsilon }: { dim: number; epsilon: number },
): { dInput: Float64Array; dGamma: Float64Array; dBeta: Float64Array } {
  const zeros = new Float64Array(dim);
  const ones = new Float64Array(dim).fill(1);
  // With gamma 1 and beta 0 the output is the normalised input.
  const { output: x, rstd } = layerNormReference(input, ones, zeros, {
    dim,
    epsilon,
  });
  const dInput = new Float64Array(input.length);
  const dGamma = new Float64Array(dim);
  const dBeta = new Float64Array(dim);
  for (let r = 0; r < rstd.length; r++) {
    let sum = 0;
    let weighted = 0;
    for (let c = 0; c < dim; c++) {
      const i = r * dim + c;
      const g = dOutput[i]! * gamma[c]!;
      sum += g / dim;
      weighted += g * x[i]! / dim;
      dGamma[c]! += dOutput[i]! * x[i]!;
      dBeta[c]! += dOutput[i]!;
    }
    for (let c = 0; c < dim; c++) {
      const i = r * dim + c;
      dInput[i] = rstd[r]! *
        (dOutput[i]! * gamma[c]! - sum - x[i]! * weighted);
    }
  }
  return { dInput, dGamma, dBeta };
}
