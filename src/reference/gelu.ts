/**
 * The error function in float64: its Taylor series up to 3, beyond that 1 minus
 * a continued fraction for erfc. Within 1e-13.
 */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z < 3) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
      if (n > 200) break;
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = z;
  for (let n = 60; n > 0; n--) fraction = z + n / 2 / fraction;
  const tail = Math.exp(-z * z) / Math.sqrt(Math.PI) / fraction;
  return Math.sign(x) * (1 - tail);
}

/** `x/2 (1 + erf(x / sqrt 2))` */
export function geluReference(
  input: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  return Float64Array.from(
    input,
    (x) => x / 2 * (1 + erf(x / Math.SQRT2)),
  );
}

/** Derivative of {@linkcode geluReference} at the input. */
export function geluDerivativeReference(
  input: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  return Float64Array.from(
    input,
    (x) =>
      (1 + erf(x / Math.SQRT2)) / 2 +
      x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI),
  );
}
