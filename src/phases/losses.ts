import type { Mixing } from "../augment/mod.ts";
import { type Program, type Tensor, view } from "../gpu/mod.ts";
import type { HeadActivations, HeadGradients } from "../model/mod.ts";
import {
  argmaxRows,
  cast,
  crossEntropy,
  reduceSum,
  softCrossEntropy,
} from "../ops/mod.ts";
import {
  type Metric,
  METRICS,
  type MetricValues,
  type StepProgram,
} from "../training/mod.ts";

/** The gradient of several losses for one tensor: the first writes, the others add. */
export class GradientSum {
  readonly tensor: Tensor;
  #written = false;

  constructor(tensor: Tensor) {
    this.tensor = tensor;
  }

  /** Value of `accumulate` for the next loss. */
  next(): boolean {
    const accumulate = this.#written;
    this.#written = true;
    return accumulate;
  }

  /** The tensor, once a loss has written it. */
  get value(): Tensor | undefined {
    return this.#written ? this.tensor : undefined;
  }
}

/** The values in f32: the tensor itself, or a copy. */
export function asF32(program: Program, tensor: Tensor): Tensor {
  if (tensor.type === "f32") return tensor;
  const copy = program.scratch(tensor.shape);
  cast(program, { input: tensor, output: copy });
  return copy;
}

/** Records the sum of per-row figures times `scale` as a metric. */
export function recordSum(
  step: StepProgram,
  rows: Tensor,
  metric: Metric,
  scale: number,
): void {
  reduceSum(step.program, {
    input: rows,
    output: step.metrics.tensor,
    slot: step.metrics.slot(metric),
    scale,
  });
}

/**
 * Figures of single rows, collected over the micro-batches and summed in one go,
 * so that their sums do not depend on how the rows are split.
 */
export class RowFigures {
  readonly #step: StepProgram;
  readonly #rows: number;
  /** Elements from one metric's rows to the next one's: views start at 256 bytes. */
  readonly #stride: number;
  /** Rows of each metric; absent when there is one micro-batch. */
  readonly #all: Tensor | undefined;
  readonly #scales = new Map<Metric, number>();

  /** @param rows Rows of all micro-batches. */
  constructor(step: StepProgram, rows: number, microBatches: number) {
    this.#step = step;
    this.#rows = rows;
    this.#stride = Math.ceil(rows / 64) * 64;
    if (microBatches > 1) {
      this.#all = step.program.scratch([METRICS.length, this.#stride]);
    }
  }

  /** Adds the figures of the rows from `first` on; the metric is `scale` times the sum. */
  add(metric: Metric, figures: Tensor, first: number, scale: number): void {
    const { program, metrics } = this.#step;
    if (this.#all === undefined) {
      return recordSum(this.#step, figures, metric, scale);
    }
    this.#scales.set(metric, scale);
    const row = metrics.slot(metric) * this.#stride + first;
    program.copy(figures, this.#all, 4 * row);
  }

  /** Records the sums, after all micro-batches. */
  finish(): void {
    if (this.#all === undefined) return;
    for (const [metric, scale] of this.#scales) {
      const start = this.#step.metrics.slot(metric) * this.#stride;
      const rows = view(this.#all, [this.#rows], start);
      recordSum(this.#step, rows, metric, scale);
    }
    this.#step.program.release(this.#all);
  }
}

/**
 * Records cross-entropy with labels on the class head, and on both heads of a
 * distilled model with half the weight each. Gradients are those of the mean
 * over `globalRows`. A hit on a mixed image is one on the class of its larger part.
 */
export function classificationLoss(
  step: StepProgram,
  heads: HeadActivations,
  options: {
    labels: Tensor;
    rowWeights: Tensor;
    smoothing: number;
    globalRows: number;
    /** Of images that were mixed: its targets take the place of the labels. */
    mixing: Mixing | undefined;
    figures: RowFigures;
    /** First row of the micro-batch in the rank's share. */
    first: number;
  },
): HeadGradients {
  const { labels, rowWeights, smoothing, globalRows, mixing } = options;
  const { figures, first } = options;
  const { program } = step;
  const share = heads.distillation ? 0.5 : 1;
  const classes = heads.logits.shape[1]!;
  const targets = mixing?.recordTargets(program, { classes, smoothing });
  const record = (logits: Tensor, metric: Metric, counted: boolean) => {
    const rows = logits.shape[0]!;
    const loss = program.scratch([rows]);
    const correct = program.scratch([rows]);
    const dLogits = program.scratch(logits.shape);
    const scale = share / globalRows;
    const common = { logits, rowWeights, scale, loss };
    if (targets) {
      if (counted) {
        const larger = program.scratch([rows], "u32");
        argmaxRows(program, { logits: targets, labels: larger });
        crossEntropy(program, {
          ...common,
          labels: larger,
          smoothing,
          correct,
        });
        program.release(larger);
      }
      softCrossEntropy(program, { ...common, targets, dLogits });
    } else {
      crossEntropy(program, { ...common, labels, smoothing, correct, dLogits });
    }
    figures.add(metric, loss, first, 1 / globalRows);
    if (counted) figures.add("correct", correct, first, 1 / globalRows);
    program.release(loss, correct);
    return dLogits;
  };
  const dLogits = record(heads.logits, "crossEntropy", true);
  if (!heads.distillation) {
    if (targets) program.release(targets);
    return { dLogits };
  }
  const dDistillationLogits = record(
    heads.distillation.logits,
    "crossEntropyDistillation",
    false,
  );
  if (targets) program.release(targets);
  return { dLogits, dDistillationLogits };
}

/** The value of {@linkcode classificationLoss}. */
export function classificationValue(
  metrics: MetricValues,
  distilled: boolean,
): number {
  const first = metrics.get("crossEntropy");
  return distilled
    ? (first + metrics.get("crossEntropyDistillation")) / 2
    : first;
}
