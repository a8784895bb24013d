import { rowsOf } from "./probabilities.ts";

/** False-positive rates at which curves are given. */
export const ROC_GRID: readonly number[] = Array.from(
  { length: 101 },
  (_, i) => i / 100,
);

/** True-positive rates at {@linkcode ROC_GRID}. */
export interface RocCurves {
  /** One class against the rest; absent where a class does not occur, or alone. */
  class: (number[] | undefined)[];
  /** Mean of the curves of the classes. */
  macro: number[] | undefined;
  /** All entries of all classes pooled. */
  micro: number[] | undefined;
}

/** One-vs-rest curves of probabilities `[rows, classes]`. */
export function rocCurves(
  probabilities: Float64Array,
  labels: ArrayLike<number>,
  classes: number,
): RocCurves {
  const rows = rowsOf(probabilities, classes);
  const curves = Array.from({ length: classes }, (_, c) =>
    rocCurve(
      Float64Array.from(
        { length: rows },
        (_, row) => probabilities[row * classes + c]!,
      ),
      Uint8Array.from({ length: rows }, (_, row) => labels[row] === c ? 1 : 0),
    ));
  const defined = curves.filter((curve) => curve !== undefined);
  const hits = new Uint8Array(probabilities.length);
  for (let row = 0; row < rows; row++) hits[row * classes + labels[row]!] = 1;
  return {
    class: curves,
    macro: defined.length === 0
      ? undefined
      : ROC_GRID.map((_, i) =>
        defined.reduce((sum, curve) => sum + curve[i]!, 0) / defined.length
      ),
    micro: rocCurve(probabilities, hits),
  };
}

/**
 * True-positive rates at the grid; between the points of the curve, which equal
 * scores join by a straight line, they are interpolated.
 */
export function rocCurve(
  scores: Float64Array,
  positive: Uint8Array,
): number[] | undefined {
  const positives = positive.reduce((sum, hit) => sum + hit, 0);
  const negatives = positive.length - positives;
  if (positives === 0 || negatives === 0) return undefined;
  const order = Uint32Array.from(scores.keys())
    .sort((a, b) => scores[b]! - scores[a]!);
  const rates: number[] = [];
  let [found, wrong, lastFound, lastWrong] = [0, 0, 0, 0];
  let next = 0;
  for (const rate of ROC_GRID) {
    const allowed = rate * negatives;
    // The last point with at most `allowed` wrong ones, and the one after it.
    while (next < order.length && wrong <= allowed) {
      [lastFound, lastWrong] = [found, wrong];
      const score = scores[order[next]!];
      do {
        if (positive[order[next]!]) found++;
        else wrong++;
        next++;
      } while (next < order.length && scores[order[next]!] === score);
    }
    const value = wrong <= allowed ? found : lastFound +
      (found - lastFound) * (allowed - lastWrong) / (wrong - lastWrong);
    rates.push(value / positives);
  }
  return rates;
}
