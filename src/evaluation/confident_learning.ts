import { rowsOf } from "./probabilities.ts";

/** A label that its image's probabilities speak against. */
export interface SuspectedLabel {
  row: number;
  label: number;
  /** The class it more likely is. */
  suggested: number;
  /** Probability of the suggested class. */
  confidence: number;
  /** Probability of the given label. */
  selfConfidence: number;
}

/**
 * Confident learning (Northcutt et al. 2021): an image whose probability for
 * another class reaches the mean that images labelled with that class have for
 * it. Most suspicious first.
 *
 * @param probabilities Of images the model has not learnt from, `[rows, classes]`.
 */
export function suspectLabels(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): SuspectedLabel[] {
  const rows = rowsOf(probabilities, classes);
  const sums = new Float64Array(classes);
  const counts = new Float64Array(classes);
  for (let row = 0; row < rows; row++) {
    const label = labels[row]!;
    sums[label]! += probabilities[row * classes + label]!;
    counts[label]!++;
  }
  // A class without images suggests nothing.
  const thresholds = sums.map((sum, c) =>
    counts[c] === 0 ? Infinity : sum / counts[c]!
  );
  const found: SuspectedLabel[] = [];
  for (let row = 0; row < rows; row++) {
    const label = labels[row]!;
    const at = (c: number) => probabilities[row * classes + c]!;
    let suggested = label;
    for (let c = 0; c < classes; c++) {
      if (at(c) >= thresholds[c]! && at(c) > at(suggested)) suggested = c;
    }
    if (suggested === label) continue;
    found.push({
      row,
      label,
      suggested,
      confidence: at(suggested),
      selfConfidence: at(label),
    });
  }
  return found.sort((a, b) =>
    (b.confidence - b.selfConfidence) - (a.confidence - a.selfConfidence)
  );
}
