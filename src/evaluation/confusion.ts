/** Counts `[true, predicted]`, row by row. */
export function confusionMatrix(
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
  classes: number,
): Int32Array<ArrayBuffer> {
  const confusion = new Int32Array(classes * classes);
  for (let i = 0; i < labels.length; i++) {
    confusion[labels[i]! * classes + predictions[i]!]!++;
  }
  return confusion;
}

/** A figure per class and its three averages. */
export interface Averaged {
  class: Float64Array<ArrayBuffer>;
  /** Mean over all classes, absent ones included. */
  macro: number;
  /** Mean over images: classes weighted by their support. */
  weighted: number;
  /** From the pooled counts; equals accuracy with one label an image. */
  micro: number;
}

/** What follows from the confusion matrix alone; 0 / 0 counts as 0. */
export interface ConfusionFigures {
  accuracy: number;
  /** Images a true class. */
  support: Int32Array<ArrayBuffer>;
  precision: Averaged;
  recall: Averaged;
  f1: Averaged;
  /** Mean recall over the classes that occur. */
  balancedAccuracy: number;
  /** Cohen's kappa. */
  kappa: number;
  /** Matthews correlation coefficient for any number of classes. */
  mcc: number;
}

/** Figures of a `[classes, classes]` confusion matrix. */
export function confusionFigures(
  confusion: ArrayLike<number>,
  classes: number,
): ConfusionFigures {
  const support = new Int32Array(classes);
  const predicted = new Int32Array(classes);
  let correct = 0;
  for (let t = 0; t < classes; t++) {
    correct += confusion[t * classes + t]!;
    for (let p = 0; p < classes; p++) {
      support[t]! += confusion[t * classes + p]!;
      predicted[p]! += confusion[t * classes + p]!;
    }
  }
  const count = support.reduce((a, b) => a + b, 0);
  const accuracy = ratio(correct, count);
  const hit = (c: number) => confusion[c * classes + c]!;
  const average = (figure: (c: number) => number): Averaged => {
    const values = Float64Array.from({ length: classes }, (_, c) => figure(c));
    return {
      class: values,
      macro: ratio(values.reduce((a, b) => a + b, 0), classes),
      weighted: ratio(
        values.reduce((sum, value, c) => sum + value * support[c]!, 0),
        count,
      ),
      micro: accuracy,
    };
  };
  const recall = average((c) => ratio(hit(c), support[c]!));
  const present = support.filter((images) => images > 0).length;
  return {
    accuracy,
    support,
    precision: average((c) => ratio(hit(c), predicted[c]!)),
    recall,
    f1: average((c) => ratio(2 * hit(c), support[c]! + predicted[c]!)),
    balancedAccuracy: ratio(
      recall.class.reduce((sum, value, c) => support[c] ? sum + value : sum, 0),
      present,
    ),
    ...agreement(support, predicted, correct, count),
  };
}

/** kappa and mcc compare the hits with those that the margins give by chance. */
function agreement(
  support: Int32Array,
  predicted: Int32Array,
  correct: number,
  count: number,
): { kappa: number; mcc: number } {
  let chance = 0;
  let supportSquares = 0;
  let predictedSquares = 0;
  for (let c = 0; c < support.length; c++) {
    chance += support[c]! * predicted[c]!;
    supportSquares += support[c]! ** 2;
    predictedSquares += predicted[c]! ** 2;
  }
  const all = count ** 2;
  const excess = correct * count - chance;
  return {
    kappa: ratio(excess, all - chance),
    mcc: ratio(
      excess,
      Math.sqrt(all - supportSquares) * Math.sqrt(all - predictedSquares),
    ),
  };
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
