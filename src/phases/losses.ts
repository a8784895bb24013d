import type { Mixing } from "../augment/mod.ts";
import type { Program, Tensor } from "../gpu/mod.ts";
import type { HeadActivations, HeadGradients } from "../model/mod.ts";
import {
  argmaxRows,
  cast,
  crossEntropy,
  reduceSum,
  softCrossEntropy,
} from "../ops/mod.ts";
import type { Metric, MetricValues, StepProgram } from "../training/mod.ts";

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
  },
): HeadGradients {
  const { labels, rowWeights, smoothing, globalRows, mixing } = options;
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
    recordSum(step, loss, metric, 1 / globalRows);
    if (counted) recordSum(step, correct, "correct", 1 / globalRows);
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
