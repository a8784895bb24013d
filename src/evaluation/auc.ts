import { allHits, divideScores, oneAgainstRest } from "./one_against_rest.ts";

/**
 * Area under the ROC curve: the chance that a positive scores above a negative,
 * equal scores counting one half. NaN without both kinds.
 *
 * Only the positives are sorted, which are few where there are many classes.
 */
export function areaUnderRoc(
  scores: Float64Array,
  positive: Uint8Array,
): number {
  const { own, others } = divideScores(scores, positive);
  const [positives, negatives] = [own.length, others.length];
  // Numbers are sorted first.
  own.sort();
  if (positives === 0 || negatives === 0 || Number.isNaN(own.at(-1))) {
    return NaN;
  }
  let pairs = 0;
  for (const score of others) {
    if (Number.isNaN(score)) return NaN;
    const below = firstAt(own, (value) => value >= score);
    const upTo = own[below] === score
      ? firstAt(own, (value) => value > score)
      : below;
    pairs += positives - upTo + (upTo - below) / 2;
  }
  return pairs / (positives * negatives);
}

/** First place of a sorted list from which on a condition holds. */
function firstAt(
  sorted: Float64Array,
  holds: (value: number) => boolean,
): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(sorted[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

export interface AucFigures {
  /** One class against the rest; NaN where a class is absent. */
  class: Float64Array<ArrayBuffer>;
  /** Mean over the classes where it is defined. */
  macro: number;
  /** All entries of all classes pooled. */
  micro: number;
}

/** One-vs-rest areas for probabilities `[rows, classes]`. */
export function aucFigures(
  probabilities: Float64Array,
  labels: ArrayLike<number>,
  classes: number,
): AucFigures {
  const areas = Float64Array.from({ length: classes }, (_, c) => {
    const { scores, positive } = oneAgainstRest(probabilities, labels, {
      classes,
      c,
    });
    return areaUnderRoc(scores, positive);
  });
  const defined = areas.filter((area) => !Number.isNaN(area));
  return {
    class: areas,
    macro: defined.reduce((a, b) => a + b, 0) / defined.length,
    micro: areaUnderRoc(probabilities, allHits(probabilities, labels, classes)),
  };
}
