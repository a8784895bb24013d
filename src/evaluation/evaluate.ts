import { type AucFigures, aucFigures } from "./auc.ts";
import {
  calibrationError,
  reliability,
  type ReliabilityBin,
} from "./calibration.ts";
import {
  type ConfusionFigures,
  confusionFigures,
  confusionMatrix,
} from "./confusion.ts";
import { argmaxRows, rowsOf, softmaxRows } from "./probabilities.ts";

/** Bins of the calibration error `ece15`. */
const BINS = 15;

/** What the confidences of a model are worth. */
export interface Confidences {
  predictions: Int32Array<ArrayBuffer>;
  /** `[count, classes]` */
  probabilities: Float64Array<ArrayBuffer>;
  /** Mean negative log-likelihood. */
  nll: number;
  /** Squared error of the probabilities, summed over classes, mean over images. */
  brier: number;
  ece15: number;
  reliability: ReliabilityBin[];
}

/** What logits and labels of a split say about a model, but for what takes long. */
export interface Scores extends ConfusionFigures, Confidences {
  /** Images. */
  count: number;
  classes: number;
  /** `[true, predicted]` */
  confusion: Int32Array<ArrayBuffer>;
  /** `topK[k]`: share of images whose class is among the k first; equal logits rank by class. */
  topK: Float64Array<ArrayBuffer>;
}

/** Everything that logits and labels of a split say about a model. */
export interface Evaluation extends Scores {
  auc: AucFigures;
}

/**
 * Evaluates predictions in f64.
 *
 * @param logits `[count, classes]`
 * @param labels True class of each row.
 * @throws {RangeError} If there are no rows or a label is no class.
 */
export function evaluateLogits(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): Evaluation {
  const scores = scoreLogits(logits, labels, classes);
  return { ...scores, auc: aucFigures(scores.probabilities, labels, classes) };
}

/**
 * The part of {@linkcode evaluateLogits} that sorts nothing: half of its time.
 *
 * @throws {RangeError} If there are no rows or a label is no class.
 */
export function scoreLogits(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): Scores {
  const count = checkedRows(logits, labels, classes);
  const confidences = confidencesOf(logits, labels, classes);
  const confusion = confusionMatrix(labels, confidences.predictions, classes);
  return {
    count,
    classes,
    confusion,
    ...confidences,
    ...confusionFigures(confusion, classes),
    topK: topK(logits, labels, classes),
  };
}

/**
 * The part of {@linkcode evaluateLogits} that a temperature changes.
 *
 * @throws {RangeError} If there are no rows or a label is no class.
 */
export function evaluateConfidences(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): Confidences {
  checkedRows(logits, labels, classes);
  return confidencesOf(logits, labels, classes);
}

function confidencesOf(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): Confidences {
  const count = rowsOf(logits, classes);
  const predictions = argmaxRows(logits, classes);
  const probabilities = softmaxRows(logits, classes);
  const bins = reliability(probabilities, labels, predictions, {
    classes,
    bins: BINS,
  });
  return {
    predictions,
    probabilities,
    nll: meanOf(count, (row) => rowNll(logits, labels[row]!, row, classes)),
    brier: meanOf(
      count,
      (row) => rowBrier(probabilities, labels[row]!, row, classes),
    ),
    ece15: calibrationError(bins),
    reliability: bins,
  };
}

function checkedRows(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): number {
  const count = rowsOf(logits, classes);
  if (count === 0 || labels.length !== count) {
    throw new RangeError(
      `Cannot evaluate ${count} rows of logits with ${labels.length} labels`,
    );
  }
  for (let i = 0; i < count; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new RangeError(
        `Cannot evaluate row ${i}: label ${label} is no class of ${classes}`,
      );
    }
  }
  return count;
}

function meanOf(count: number, value: (row: number) => number): number {
  let sum = 0;
  for (let row = 0; row < count; row++) sum += value(row);
  return sum / count;
}

/** log sum exp - logit of the label: finite where log(softmax) is not. */
function rowNll(
  logits: ArrayLike<number>,
  label: number,
  row: number,
  classes: number,
): number {
  const start = row * classes;
  let top = -Infinity;
  for (let c = 0; c < classes; c++) top = Math.max(top, logits[start + c]!);
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += Math.exp(logits[start + c]! - top);
  return top + Math.log(sum) - logits[start + label]!;
}

function rowBrier(
  probabilities: Float64Array,
  label: number,
  row: number,
  classes: number,
): number {
  let sum = 0;
  for (let c = 0; c < classes; c++) {
    sum += (probabilities[row * classes + c]! - (c === label ? 1 : 0)) ** 2;
  }
  return sum;
}

function topK(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): Float64Array<ArrayBuffer> {
  const shares = new Float64Array(classes + 1);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row]!;
    const own = logits[row * classes + label]!;
    let rank = 1;
    for (let c = 0; c < classes; c++) {
      const other = logits[row * classes + c]!;
      if (other > own || (other === own && c < label)) rank++;
    }
    shares[rank]!++;
  }
  for (let k = 1; k <= classes; k++) shares[k]! += shares[k - 1]!;
  return shares.map((hits) => hits / labels.length);
}
