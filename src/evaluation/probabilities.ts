/** Throws unless `logits` are whole rows of `classes` values. */
export function rowsOf(logits: ArrayLike<number>, classes: number): number {
  const rows = logits.length / classes;
  if (!Number.isInteger(rows) || classes < 1) {
    throw new RangeError(
      `Cannot read logits: ${logits.length} values are no rows of ${classes} classes`,
    );
  }
  return rows;
}

/** Softmax of each row, `[rows, classes]`, in f64. */
export function softmaxRows(
  logits: ArrayLike<number>,
  classes: number,
): Float64Array<ArrayBuffer> {
  const rows = rowsOf(logits, classes);
  const probabilities = new Float64Array(logits.length);
  for (let row = 0; row < rows; row++) {
    const start = row * classes;
    let top = -Infinity;
    for (let c = 0; c < classes; c++) top = Math.max(top, logits[start + c]!);
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      sum += probabilities[start + c] = Math.exp(logits[start + c]! - top);
    }
    for (let c = 0; c < classes; c++) probabilities[start + c]! /= sum;
  }
  return probabilities;
}

/** Class with the largest value in each row; of equal ones the first. */
export function argmaxRows(
  values: ArrayLike<number>,
  classes: number,
): Int32Array<ArrayBuffer> {
  const rows = rowsOf(values, classes);
  return Int32Array.from({ length: rows }, (_, row) => {
    let best = 0;
    for (let c = 1; c < classes; c++) {
      if (values[row * classes + c]! > values[row * classes + best]!) best = c;
    }
    return best;
  });
}

/**
 * Mean total variation distance between the softmaxes of two sets of logits,
 * 0.5 sum_c |p_c - q_c| per row: 0 = same predictions, 1 = disjoint.
 */
export function totalVariation(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  classes: number,
): number {
  const rows = rowsOf(a, classes);
  if (b.length !== a.length) {
    throw new RangeError(
      `Cannot compare logits: ${a.length} values and ${b.length}`,
    );
  }
  const p = softmaxRows(a, classes);
  const q = softmaxRows(b, classes);
  let sum = 0;
  for (let i = 0; i < p.length; i++) sum += Math.abs(p[i]! - q[i]!);
  return sum / (2 * rows);
}
