/** Rows of a flat array as softmax probabilities, in float64. */
export function softmaxReference(
  input: ArrayLike<number>,
  cols: number,
  temperature = 1,
): Float64Array {
  const output = new Float64Array(input.length);
  for (let start = 0; start < input.length; start += cols) {
    let top = -Infinity;
    for (let c = 0; c < cols; c++) top = Math.max(top, input[start + c]!);
    let total = 0;
    for (let c = 0; c < cols; c++) {
      const e = Math.exp((input[start + c]! - top) / temperature);
      output[start + c] = e;
      total += e;
    }
    for (let c = 0; c < cols; c++) output[start + c]! /= total;
  }
  return output;
}

/** Gradient of {@linkcode softmaxReference} at T = 1, from its output. */
export function softmaxBackwardReference(
  output: ArrayLike<number>,
  dOutput: ArrayLike<number>,
  cols: number,
): Float64Array {
  const dInput = new Float64Array(output.length);
  for (let start = 0; start < output.length; start += cols) {
    let inner = 0;
    for (let c = 0; c < cols; c++) {
      inner += output[start + c]! * dOutput[start + c]!;
    }
    for (let c = 0; c < cols; c++) {
      dInput[start + c] = output[start + c]! * (dOutput[start + c]! - inner);
    }
  }
  return dInput;
}
