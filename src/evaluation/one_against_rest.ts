import { rowsOf } from "./probabilities.ts";

/** Scores of one class, and which rows are of it. */
export function oneAgainstRest(
  probabilities: Float64Array,
  labels: ArrayLike<number>,
  { classes, c }: { classes: number; c: number },
): { scores: Float64Array; positive: Uint8Array } {
  const rows = rowsOf(probabilities, classes);
  const scores = new Float64Array(rows);
  const positive = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    scores[row] = probabilities[row * classes + c]!;
    positive[row] = labels[row] === c ? 1 : 0;
  }
  return { scores, positive };
}

/** Which entries of `[rows, classes]` are those of the true classes. */
export function allHits(
  probabilities: Float64Array,
  labels: ArrayLike<number>,
  classes: number,
): Uint8Array {
  const rows = rowsOf(probabilities, classes);
  const hits = new Uint8Array(probabilities.length);
  for (let row = 0; row < rows; row++) hits[row * classes + labels[row]!] = 1;
  return hits;
}

/** Scores of the positives and of the others. A loop: a callback takes ten times as long. */
export function divideScores(
  scores: Float64Array,
  positive: Uint8Array,
): { own: Float64Array; others: Float64Array } {
  let positives = 0;
  for (let i = 0; i < positive.length; i++) positives += positive[i]!;
  const own = new Float64Array(positives);
  const others = new Float64Array(scores.length - positives);
  let [found, rest] = [0, 0];
  for (let i = 0; i < scores.length; i++) {
    if (positive[i] === 1) own[found++] = scores[i]!;
    else others[rest++] = scores[i]!;
  }
  return { own, others };
}
