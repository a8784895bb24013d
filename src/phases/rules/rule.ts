/** Predictions for a global batch, as a rule sees them. */
export interface Predictions {
  /** Which unlabelled item each row of `weak` belongs to. */
  indices: ArrayLike<number>;
  /** Softmax of the weak views, `[indices.length, classes]`. */
  weak: ArrayLike<number>;
  /** Softmax of the batch's labelled images, `[labelled, classes]`: where the rule reads it. */
  labelled?: ArrayLike<number>;
}

/** Pseudo-labels of a batch and how much each counts in the loss. */
export interface PseudoLabels {
  /** Class of each item. */
  labels: Int32Array<ArrayBuffer>;
  /** Weight of each item's cross-entropy, 0..1. */
  weights: Float32Array<ArrayBuffer>;
  /** Probability of each label, as the rule judges it. */
  confidence: ArrayLike<number>;
  /** Class probabilities to learn instead of `labels`, `[items, classes]`. */
  targets?: Float32Array<ArrayBuffer>;
}

/** For a batch without unlabelled images. */
export const NO_LABELS: PseudoLabels = {
  labels: new Int32Array(),
  weights: new Float32Array(),
  confidence: [],
};

/** What a rule remembers between steps, as a checkpoint stores it. */
export type RuleState = Record<string, ArrayLike<number>>;

/**
 * Turns predictions for weak views into pseudo-labels.
 *
 * Runs in float64 on the host over the gathered global batch, so every rank
 * reaches the same labels and the same state.
 */
export interface PseudoLabelRule {
  /** Needs the predictions for labelled images too. */
  readonly readsLabelled: boolean;
  /** Labels a batch and learns from it. */
  apply(predictions: Predictions): PseudoLabels;
  /** How it would take these predictions now; learns nothing from them. */
  judge(weak: ArrayLike<number>): PseudoLabels;
  /** Least confidence at which an image of this label is used now; 0 = any. */
  leastConfidence(label: number): number;
  /** As it is now, until the next call: every step asks for it. */
  state(): RuleState;
  /** @throws {RangeError} If the state belongs to a rule of other sizes. */
  restore(state: RuleState): void;
}

/** Largest probability and its class for each row; ties go to the smaller class. */
export function topClasses(
  probabilities: ArrayLike<number>,
  classes: number,
): { labels: Int32Array<ArrayBuffer>; confidence: Float64Array<ArrayBuffer> } {
  const rows = probabilities.length / classes;
  const labels = new Int32Array(rows);
  const confidence = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    let best = 0;
    for (let c = 1; c < classes; c++) {
      if (
        probabilities[r * classes + c]! > probabilities[r * classes + best]!
      ) {
        best = c;
      }
    }
    labels[r] = best;
    confidence[r] = probabilities[r * classes + best]!;
  }
  return { labels, confidence };
}

/** Mean over the rows of `[rows, classes]`. */
export function classMeans(
  probabilities: ArrayLike<number>,
  classes: number,
): number[] {
  const means = new Array<number>(classes).fill(0);
  const rows = probabilities.length / classes;
  for (let i = 0; i < probabilities.length; i++) {
    means[i % classes]! += probabilities[i]! / rows;
  }
  return means;
}

/** Each row to the power `1 / temperature`, summing to 1 again. */
export function sharpen(
  probabilities: ArrayLike<number>,
  classes: number,
  temperature: number,
): Float64Array<ArrayBuffer> {
  const result = new Float64Array(probabilities.length);
  for (let start = 0; start < result.length; start += classes) {
    let top = 0;
    for (let c = start; c < start + classes; c++) {
      top = Math.max(top, probabilities[c]!);
    }
    for (let c = start; c < start + classes; c++) {
      // Of the ratio to the largest, so that a sharp row stays above 0.
      result[c] = (probabilities[c]! / top) ** (1 / temperature);
    }
  }
  return normaliseRows(result, classes);
}

/** Divides each row by its sum, in place. */
export function normaliseRows(
  rows: Float64Array<ArrayBuffer>,
  classes: number,
): Float64Array<ArrayBuffer> {
  for (let start = 0; start < rows.length; start += classes) {
    const row = rows.subarray(start, start + classes);
    const total = row.reduce((sum, value) => sum + value, 0);
    for (let c = 0; c < classes; c++) row[c]! /= total;
  }
  return rows;
}

/** `momentum old + (1 - momentum) fresh`, element by element. */
export function moveAverage(
  old: readonly number[],
  fresh: readonly number[],
  momentum: number,
): number[] {
  return old.map((value, i) => momentum * value + (1 - momentum) * fresh[i]!);
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Reads one array of a stored state. */
export function restored(
  rule: string,
  state: RuleState,
  name: string,
  length: number,
): number[] {
  const values = state[name];
  if (values === undefined || values.length !== length) {
    throw new RangeError(
      `Cannot restore ${rule}: ${name} has ${
        values?.length ?? 0
      } values, expected ${length}`,
    );
  }
  return Array.from(values);
}

/** As {@linkcode restored}, or empty when the rule had not seen a batch. */
export function restoredAverage(
  rule: string,
  state: RuleState,
  name: string,
  length: number,
): number[] {
  return state[name]?.length === 0 ? [] : restored(rule, state, name, length);
}
