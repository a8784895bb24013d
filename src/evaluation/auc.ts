import { rowsOf } from "./probabilities.ts";

/**
 * Area under the ROC curve: the chance that a positive scores above a negative,
 * equal scores counting one half. NaN without both kinds.
 */
export function areaUnderRoc(
  scores: Float64Array,
  positive: Uint8Array,
): number {
  const order = Uint32Array.from(scores.keys())
    .sort((a, b) => scores[a]! - scores[b]!);
  let positives = 0;
  let rankSum = 0;
  for (let start = 0; start < order.length;) {
    let end = start;
    let inTie = 0;
    while (
      end < order.length && scores[order[end]!] === scores[order[start]!]
    ) {
      inTie += positive[order[end]!]!;
      end++;
    }
    if (end === start) return NaN; // A score that is no number equals nothing.
    positives += inTie;
    rankSum += inTie * (start + 1 + end) / 2;
    start = end;
  }
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) return NaN;
  return (rankSum - positives * (positives + 1) / 2) / (positives * negatives);
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
  const rows = rowsOf(probabilities, classes);
  const areas = Float64Array.from({ length: classes }, (_, c) =>
    areaUnderRoc(
      Float64Array.from(
        { length: rows },
        (_, row) => probabilities[row * classes + c]!,
      ),
      Uint8Array.from(
        { length: rows },
        (_, row) => labels[row] === c ? 1 : 0,
      ),
    ));
  const defined = areas.filter((area) => !Number.isNaN(area));
  const hits = new Uint8Array(probabilities.length);
  for (let row = 0; row < rows; row++) hits[row * classes + labels[row]!] = 1;
  return {
    class: areas,
    macro: defined.reduce((a, b) => a + b, 0) / defined.length,
    micro: areaUnderRoc(probabilities, hits),
  };
}
