/** Keeps the logarithm of a class that no image shows finite, as published. */
const SMALLEST = 1e-12;

/**
 * Self-adaptive fairness (FreeMatch, Wang et al. 2023): the mean prediction for the
 * strong views that count, over the frequency of their classes, shall follow the
 * same of all weak views.
 *
 * `loss = sum_c a_c log b_c`, `a = norm(p / hist)`, `b = norm(mean / frequency)`; a
 * class of frequency 0 has ratio 0. The mean couples the whole global batch, so the
 * gradient comes as one number a class: `d loss / d mean`.
 */
export function fairness(
  strong: ArrayLike<number>,
  weights: ArrayLike<number>,
  averages: {
    /** Running means of probabilities and of label frequencies, by class. */
    p: readonly number[];
    hist: readonly number[];
  },
): { loss: number; gradient: Float64Array<ArrayBuffer>; counted: number } {
  const { p, hist } = averages;
  const classes = p.length;
  const means = new Float64Array(classes);
  const frequency = new Float64Array(classes);
  let counted = 0;
  for (let row = 0; row < weights.length; row++) {
    if (weights[row] === 0) continue;
    counted++;
    let top = 0;
    for (let c = 0; c < classes; c++) {
      const value = strong[row * classes + c]!;
      means[c]! += value;
      if (value > strong[row * classes + top]!) top = c;
    }
    frequency[top]!++;
  }
  const gradient = new Float64Array(classes);
  if (counted === 0) return { loss: 0, gradient, counted };
  for (let c = 0; c < classes; c++) {
    means[c]! /= counted;
    frequency[c]! /= counted;
  }
  const a = ratios(p, hist);
  const aTotal = a.reduce((sum, value) => sum + value, 0);
  const b = ratios(means, frequency);
  const bTotal = b.reduce((sum, value) => sum + value, 0);
  let loss = 0;
  // d loss / d b_c before the division by the total, and its part in that division.
  const slope = new Float64Array(classes);
  let shared = 0;
  for (let c = 0; c < classes; c++) {
    const share = b[c]! / bTotal + SMALLEST;
    const wanted = a[c]! / aTotal;
    loss += wanted * Math.log(share);
    slope[c] = wanted / share;
    shared += slope[c]! * b[c]! / bTotal;
  }
  for (let c = 0; c < classes; c++) {
    if (frequency[c] === 0) continue;
    gradient[c] = (slope[c]! - shared) / bTotal / frequency[c]!;
  }
  return { loss, gradient, counted };
}

function ratios(
  values: ArrayLike<number>,
  divisors: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  return Float64Array.from(
    values,
    (value, c) => divisors[c] === 0 ? 0 : value / divisors[c]!,
  );
}
