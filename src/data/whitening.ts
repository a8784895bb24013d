/** Part of the mean variance that is added to all: what hardly varies is noise. */
const LEAST_VARIANCE = 0.02;

/**
 * Makes the directions in which rows vary equal: what most rows share counts little,
 * so that those that still point the same way are alike in what is their own.
 */
export class Whitening {
  /** Inverse of the Cholesky factor of the rows' second moments, lower triangular. */
  readonly #inverse: Float64Array;
  readonly #width: number;

  /** @param rows `[rows, width]` */
  constructor(rows: Float64Array, width: number) {
    const count = rows.length / width;
    const moments = new Float64Array(width * width);
    for (let start = 0; start < rows.length; start += width) {
      for (let i = 0; i < width; i++) {
        const own = rows[start + i]! / count;
        for (let j = 0; j <= i; j++) {
          moments[i * width + j]! += own * rows[start + j]!;
        }
      }
    }
    let trace = 0;
    for (let i = 0; i < width; i++) trace += moments[i * width + i]!;
    const least = LEAST_VARIANCE * trace / width + Number.EPSILON;
    for (let i = 0; i < width; i++) moments[i * width + i]! += least;
    this.#width = width;
    this.#inverse = invertFactor(moments, width);
  }

  /** Writes the whitened row, of length 1, to `result`. */
  apply(row: Float64Array, result: Float64Array): void {
    const width = this.#width;
    let squares = 0;
    for (let i = 0; i < width; i++) {
      let sum = 0;
      for (let j = 0; j <= i; j++) {
        sum += this.#inverse[i * width + j]! * row[j]!;
      }
      result[i] = sum;
      squares += sum * sum;
    }
    const length = Math.sqrt(squares) || 1;
    for (let i = 0; i < width; i++) result[i]! /= length;
  }
}

/** `L^-1` of `L L^T = matrix`, of which the lower triangle is read. */
function invertFactor(matrix: Float64Array, n: number): Float64Array {
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j]!;
      for (let k = 0; k < j; k++) {
        sum -= factor[i * n + k]! * factor[j * n + k]!;
      }
      factor[i * n + j] = i === j ? Math.sqrt(sum) : sum / factor[j * n + j]!;
    }
  }
  const inverse = new Float64Array(n * n);
  for (let column = 0; column < n; column++) {
    for (let i = column; i < n; i++) {
      let sum = i === column ? 1 : 0;
      for (let k = column; k < i; k++) {
        sum -= factor[i * n + k]! * inverse[k * n + column]!;
      }
      inverse[i * n + column] = sum / factor[i * n + i]!;
    }
  }
  return inverse;
}
