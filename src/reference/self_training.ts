import { logSoftmax } from "./losses.ts";
import { softmaxReference } from "./softmax.ts";

/** Predictions of one step: softmax rows. */
export interface PredictedBatch {
  weak: ArrayLike<number>;
  labelled: ArrayLike<number>;
}

/** Labels by weight and probability, for the last batch of a history. */
export interface LabelledBatch {
  weights: Float64Array;
  /** Probabilities that labels are read from, `[rows, classes]`. */
  targets: Float64Array;
}

/** Mean of `[rows, classes]` over the rows, for each batch, then its moving average from the first on. */
function averageOf(
  batches: readonly ArrayLike<number>[],
  classes: number,
  momentum: number,
): Float64Array {
  const average = new Float64Array(classes);
  batches.forEach((rows, k) => {
    // In closed form: the first batch has the share that later ones leave it.
    const age = batches.length - 1 - k;
    const share = k === 0 ? momentum ** age : (1 - momentum) * momentum ** age;
    const count = rows.length / classes;
    for (let i = 0; i < rows.length; i++) {
      average[i % classes]! += share * rows[i]! / count;
    }
  });
  return average;
}

function alignedRow(
  row: readonly number[],
  wanted: ArrayLike<number>,
  average: ArrayLike<number>,
): number[] {
  const scaled = row.map((p, c) =>
    p * (wanted[c]! + 1e-6) / (average[c]! + 1e-6)
  );
  const total = scaled.reduce((sum, value) => sum + value, 0);
  return scaled.map((value) => value / total);
}

function rowsOf(values: ArrayLike<number>, classes: number): number[][] {
  return Array.from(
    { length: values.length / classes },
    (_, r) =>
      Array.from({ length: classes }, (_, c) => values[r * classes + c]!),
  );
}

/** AdaMatch after all batches of the history. */
export function adaMatchReference(
  history: readonly PredictedBatch[],
  options: { classes: number; threshold: number; momentum: number },
): LabelledBatch {
  const { classes, threshold, momentum } = options;
  const wanted = averageOf(history.map((b) => b.labelled), classes, momentum);
  const average = averageOf(history.map((b) => b.weak), classes, momentum);
  const { weak, labelled } = history.at(-1)!;
  const sure = rowsOf(labelled, classes).map((row) => Math.max(...row));
  const least = threshold * sure.reduce((sum, p) => sum + p, 0) / sure.length;
  const rows = rowsOf(weak, classes).map((row) =>
    alignedRow(row, wanted, average)
  );
  return {
    weights: Float64Array.from(
      rows,
      (row) => Math.max(...row) >= least ? 1 : 0,
    ),
    targets: Float64Array.from(rows.flat()),
  };
}

/** ReMixMatch's aligned and sharpened targets after all batches of the history. */
export function reMixMatchReference(
  history: readonly PredictedBatch[],
  options: { prior: ArrayLike<number>; temperature: number; momentum: number },
): LabelledBatch {
  const { prior, temperature, momentum } = options;
  const classes = prior.length;
  const average = averageOf(history.map((b) => b.weak), classes, momentum);
  const logs = rowsOf(history.at(-1)!.weak, classes).map((row) =>
    alignedRow(row, prior, average).map(Math.log)
  );
  return {
    weights: new Float64Array(logs.length).fill(1),
    targets: softmaxReference(logs.flat(), classes, temperature),
  };
}

/** UDA's targets from logits: the softmax at the temperature, kept where that at 1 is sure. */
export function udaReference(
  logits: ArrayLike<number>,
  options: { classes: number; threshold: number; temperature: number },
): LabelledBatch {
  const { classes, threshold, temperature } = options;
  const plain = rowsOf(softmaxReference(logits, classes), classes);
  return {
    weights: Float64Array.from(
      plain,
      (row) => Math.max(...row) >= threshold ? 1 : 0,
    ),
    targets: softmaxReference(logits, classes, temperature),
  };
}

/**
 * FreeMatch's fairness loss of the strong views' logits: cross-entropy, negated,
 * between the modulated mean of the weak and of the counted strong predictions.
 */
export function fairnessReference(
  logits: ArrayLike<number>,
  weights: ArrayLike<number>,
  averages: { p: readonly number[]; hist: readonly number[] },
): number {
  const classes = averages.p.length;
  const counted = rowsOf(softmaxReference(logits, classes), classes)
    .filter((_, r) => weights[r]! > 0);
  const tops = counted.map((row) => row.indexOf(Math.max(...row)));
  const modulated = (values: readonly number[], by: readonly number[]) => {
    const ratios = values.map((value, c) => by[c] === 0 ? 0 : value / by[c]!);
    const total = ratios.reduce((sum, value) => sum + value, 0);
    return ratios.map((value) => value / total);
  };
  const classesOf = Array.from({ length: classes }, (_, c) => c);
  const mean = classesOf.map((c) =>
    counted.reduce((sum, row) => sum + row[c]!, 0) / counted.length
  );
  const frequency = classesOf.map((c) =>
    tops.filter((top) => top === c).length / counted.length
  );
  const wanted = modulated(averages.p, averages.hist);
  const shown = modulated(mean, frequency);
  return wanted.reduce(
    (sum, a, c) => sum + a * Math.log(shown[c]! + 1e-12),
    0,
  );
}

/** Cross-entropy of labelled images whose class has at most the threshold's probability, their mean. */
export function annealedLossReference(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: { classes: number; threshold: number },
): number {
  const { classes, threshold } = options;
  let sum = 0;
  let kept = 0;
  for (let r = 0; r < labels.length; r++) {
    const log = logSoftmax(logits, r * classes + labels[r]!, classes);
    if (Math.exp(log) > threshold) continue;
    sum -= log;
    kept++;
  }
  return sum / Math.max(1, kept);
}
