import { allHits, divideScores, oneAgainstRest } from "./one_against_rest.ts";

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
  const curves = Array.from({ length: classes }, (_, c) => {
    const { scores, positive } = oneAgainstRest(probabilities, labels, {
      classes,
      c,
    });
    return rocCurve(scores, positive);
  });
  const defined = curves.filter((curve) => curve !== undefined);
  return {
    class: curves,
    macro: defined.length === 0
      ? undefined
      : ROC_GRID.map((_, i) =>
        defined.reduce((sum, curve) => sum + curve[i]!, 0) / defined.length
      ),
    micro: rocCurve(probabilities, allHits(probabilities, labels, classes)),
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
  const { own, others } = divideScores(scores, positive);
  if (own.length === 0 || others.length === 0) return undefined;
  own.sort().reverse();
  others.sort().reverse();
  if (Number.isNaN(own[0]) || Number.isNaN(others[0])) return undefined;
  const [positives, negatives] = [own.length, others.length];
  const rates: number[] = [];
  let [found, wrong, lastFound, lastWrong] = [0, 0, 0, 0];
  for (const rate of ROC_GRID) {
    const allowed = rate * negatives;
    // The last point with at most `allowed` wrong ones, and the one after it.
    while (found + wrong < scores.length && wrong <= allowed) {
      [lastFound, lastWrong] = [found, wrong];
      const score = Math.max(
        found < positives ? own[found]! : -Infinity,
        wrong < negatives ? others[wrong]! : -Infinity,
      );
      while (found < positives && own[found] === score) found++;
      while (wrong < negatives && others[wrong] === score) wrong++;
    }
    const value = wrong <= allowed ? found : lastFound +
      (found - lastFound) * (allowed - lastWrong) / (wrong - lastWrong);
    rates.push(value / positives);
  }
  return rates;
}
