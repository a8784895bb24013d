/** Sizes of {@linkcode linearReference}. */
export interface LinearSizes {
  rows: number;
  inner: number;
  outer: number;
}

/** `y = x W^T + b` in float64; `weight` is `[outer, inner]`. */
export function linearReference(
  input: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number> | undefined,
  { rows, inner, outer }: LinearSizes,
): Float64Array<ArrayBuffer> {
  const output = new Float64Array(rows * outer);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < outer; o++) {
      let sum = bias?.[o] ?? 0;
      for (let i = 0; i < inner; i++) {
        sum += input[r * inner + i]! * weight[o * inner + i]!;
      }
      output[r * outer + o] = sum;
    }
  }
  return output;
}

/** Gradients of {@linkcode linearReference}. */
export function linearBackwardReference(
  input: ArrayLike<number>,
  weight: ArrayLike<number>,
  dOutput: ArrayLike<number>,
  { rows, inner, outer }: LinearSizes,
): {
  dInput: Float64Array<ArrayBuffer>;
  dWeight: Float64Array<ArrayBuffer>;
  dBias: Float64Array<ArrayBuffer>;
} {
  const dInput = new Float64Array(rows * inner);
  const dWeight = new Float64Array(outer * inner);
  const dBias = new Float64Array(outer);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < outer; o++) {
      const d = dOutput[r * outer + o]!;
      dBias[o]! += d;
      for (let i = 0; i < inner; i++) {
        dInput[r * inner + i]! += d * weight[o * inner + i]!;
        dWeight[o * inner + i]! += d * input[r * inner + i]!;
      }
    }
  }
  return { dInput, dWeight, dBias };
}
