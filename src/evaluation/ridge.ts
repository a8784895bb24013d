import { argmaxRows } from "./probabilities.ts";

/** Penalties that are tried, in units of the kernel's mean diagonal. */
const PENALTIES = [1e-3, 1e-2, 1e-1, 1, 10];

/** Linear classifier by ridge regression on one-hot targets. */
export interface Ridge {
  /** Scores of the classes; the largest one is the prediction. */
  predict(row: ArrayLike<number>): Float64Array<ArrayBuffer>;
  /** Scores of each training row by the rows without it, `[rows, classes]`. */
  readonly leftOut: Float64Array<ArrayBuffer>;
  /** The penalty that leave-one-out has chosen. */
  readonly penalty: number;
}

/**
 * Fits in closed form through the kernel matrix of the rows, so a few rows of
 * many values cost little: O(n^2 d + n^3). The penalty is the one whose
 * leave-one-out predictions are right most often.
 *
 * @param onShare Called now and then while it works.
 * @throws {RangeError} Without rows, or when their lengths differ.
 */
export function fitRidge(
  rows: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  classes: number,
  onShare: () => void = () => {},
): Ridge {
  const n = rows.length;
  const width = rows[0]?.length ?? 0;
  if (n === 0 || rows.some((row) => row.length !== width)) {
    throw new RangeError(
      `Cannot fit ridge regression on ${n} rows of ${width} values`,
    );
  }
  const mean = new Float64Array(width);
  for (const row of rows) {
    for (let i = 0; i < width; i++) mean[i]! += row[i]! / n;
  }
  const centred = rows.map((row) =>
    Float64Array.from({ length: width }, (_, i) => row[i]! - mean[i]!)
  );
  const kernel = kernelOf(centred, onShare);
  let scale = 0;
  for (let i = 0; i < n; i++) scale += kernel[i * n + i]! / n;
  const prior = 1 / classes;
  const targets = new Float64Array(n * classes).fill(-prior);
  for (let i = 0; i < n; i++) targets[i * classes + labels[i]!]! += 1;

  let best: Solution | undefined;
  for (const penalty of PENALTIES) {
    onShare();
    const solution = solve(kernel, targets, {
      n,
      classes,
      penalty: penalty * scale,
    });
    if (solution === undefined) continue;
    const hits = countHits(solution.leftOut, labels, classes);
    // Of equals the stronger penalty: the smoother classifier.
    if (best === undefined || hits >= best.hits) best = { ...solution, hits };
  }
  if (best === undefined) {
    throw new RangeError("Cannot fit ridge regression: values are not finite");
  }
  const { dual, leftOut, penalty } = best;
  const weights = new Float64Array(width * classes);
  const bias = new Float64Array(classes);
  centred.forEach((row, i) => {
    for (let c = 0; c < classes; c++) {
      const factor = dual[i * classes + c]!;
      bias[c]! += factor;
      for (let k = 0; k < width; k++) {
        weights[c * width + k]! += factor * row[k]!;
      }
    }
  });
  return {
    penalty,
    leftOut,
    predict: (row) =>
      Float64Array.from({ length: classes }, (_, c) => {
        let sum = bias[c]!;
        for (let k = 0; k < width; k++) {
          sum += weights[c * width + k]! * (row[k]! - mean[k]!);
        }
        return sum;
      }),
  };
}

interface Solution {
  /** `(K + penalty I)^-1 Y`, `[n, classes]` */
  dual: Float64Array;
  leftOut: Float64Array<ArrayBuffer>;
  penalty: number;
  hits: number;
}

/** Inner products of the rows, plus 1 for a bias. */
function kernelOf(
  rows: readonly Float64Array[],
  onShare: () => void,
): Float64Array {
  const n = rows.length;
  const kernel = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const a = rows[i]!;
    if (i % 64 === 0) onShare();
    for (let j = 0; j <= i; j++) {
      const b = rows[j]!;
      let sum = 1;
      for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
      kernel[i * n + j] = kernel[j * n + i] = sum;
    }
  }
  return kernel;
}

/**
 * Leave-one-out without refitting: row i's prediction by the others is
 * `y_i - dual_i / (K + penalty I)^-1_ii`.
 */
function solve(
  kernel: Float64Array,
  targets: Float64Array,
  { n, classes, penalty }: { n: number; classes: number; penalty: number },
): Omit<Solution, "hits"> | undefined {
  const inverse = inverseOfFactor(kernel, n, penalty);
  if (inverse === undefined) return undefined;
  // (L L^T)^-1 = M^T M with M = L^-1, lower triangular.
  const half = new Float64Array(n * classes);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k <= i; k++) {
      const factor = inverse[i * n + k]!;
      for (let c = 0; c < classes; c++) {
        half[i * classes + c]! += factor * targets[k * classes + c]!;
      }
    }
  }
  const dual = new Float64Array(n * classes);
  const diagonal = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    for (let i = 0; i <= k; i++) {
      const factor = inverse[k * n + i]!;
      diagonal[i]! += factor * factor;
      for (let c = 0; c < classes; c++) {
        dual[i * classes + c]! += factor * half[k * classes + c]!;
      }
    }
  }
  const leftOut = targets.map((target, at) =>
    target - dual[at]! / diagonal[Math.floor(at / classes)]!
  );
  return { dual, leftOut: Float64Array.from(leftOut), penalty };
}

/** Inverse of the Cholesky factor of `K + penalty I`; undefined when there is none. */
function inverseOfFactor(
  kernel: Float64Array,
  n: number,
  penalty: number,
): Float64Array | undefined {
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = kernel[i * n + j]! + (i === j ? penalty : 0);
      for (let k = 0; k < j; k++) {
        sum -= factor[i * n + k]! * factor[j * n + k]!;
      }
      if (i === j) {
        if (!(sum > 0)) return undefined;
        factor[i * n + i] = Math.sqrt(sum);
      } else factor[i * n + j] = sum / factor[j * n + j]!;
    }
  }
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = inverse.subarray(i * n, (i + 1) * n);
    for (let k = 0; k < i; k++) {
      const f = factor[i * n + k]!;
      for (let j = 0; j <= k; j++) row[j]! -= f * inverse[k * n + j]!;
    }
    const d = factor[i * n + i]!;
    for (let j = 0; j < i; j++) row[j]! /= d;
    row[i] = 1 / d;
  }
  return inverse;
}

function countHits(
  scores: Float64Array,
  labels: ArrayLike<number>,
  classes: number,
): number {
  return argmaxRows(scores, classes)
    .filter((label, i) => label === labels[i]).length;
}
