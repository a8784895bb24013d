import type { Program, Tensor } from "../gpu/mod.ts";
import { logitSizes } from "./logit_sizes.ts";
import { defineRowKernel, dispatchRows } from "./row_kernel.ts";
import logitRow from "./common/logit_row.wgsl" with { type: "text" };
import hard from "./cross_entropy.wgsl" with { type: "text" };
import soft from "./soft_cross_entropy.wgsl" with { type: "text" };

const hardKernel = defineRowKernel("cross_entropy", hard);
const softKernel = defineRowKernel("soft_cross_entropy", soft, [logitRow]);

/** Arguments of {@linkcode crossEntropy}. */
export interface CrossEntropyArgs {
  /** `[rows, classes]`. */
  logits: Tensor;
  /** u32 `[rows]`; a label that is no class counts as weight 0. */
  labels: Tensor;
  /** `[rows]`; 0 for padding and masked rows. */
  rowWeights: Tensor;
  /** Share of the target spread evenly over all classes. */
  smoothing: number;
  /** Factor of the gradient, such as 1 / globalBatch; not of `loss`. */
  scale: number;
  /** Weighted loss of each row, `[rows]`. */
  loss: Tensor;
  /** 1 where the largest logit is the label, `[rows]`. */
  correct?: Tensor;
  /** `[rows, classes]`. */
  dLogits?: Tensor;
  /** Adds to `dLogits` instead of overwriting it. */
  accumulate?: boolean;
}

/** Records the cross-entropy of class labels: loss, gradient and hits in one dispatch. */
export function crossEntropy(program: Program, args: CrossEntropyArgs): void {
  const { logits, labels, rowWeights, loss, correct, dLogits } = args;
  const { rows, cols } = logitSizes("crossEntropy", {
    logits: { logits, dLogits },
    rows: { rowWeights, loss, correct },
    labels: { labels },
  });
  const spareCorrect = program.scratch([1]);
  const spareGradient = program.scratch([1]);
  dispatchRows(program, hardKernel, {
    rows,
    uniforms: { u32: [rows, cols], f32: [args.smoothing, args.scale] },
    buffers: [
      logits,
      labels,
      rowWeights,
      loss,
      correct ?? spareCorrect,
      dLogits ?? spareGradient,
    ],
    constants: {
      HAS_CORRECT: correct === undefined ? 0 : 1,
      HAS_GRADIENT: dLogits === undefined ? 0 : 1,
      ACCUMULATE: args.accumulate === true ? 1 : 0,
    },
  });
  program.release(spareCorrect, spareGradient);
}

/** Arguments of {@linkcode softCrossEntropy}; see {@linkcode CrossEntropyArgs}. */
export interface SoftCrossEntropyArgs {
  logits: Tensor;
  /** Class probabilities, `[rows, classes]`. */
  targets: Tensor;
  rowWeights: Tensor;
  scale: number;
  loss: Tensor;
  dLogits?: Tensor;
  accumulate?: boolean;
}

/** Records the cross-entropy against class probabilities. */
export function softCrossEntropy(
  program: Program,
  args: SoftCrossEntropyArgs,
): void {
  const { logits, targets, rowWeights, loss, dLogits } = args;
  const { rows, cols } = logitSizes("softCrossEntropy", {
    logits: { logits, targets, dLogits },
    rows: { rowWeights, loss },
  });
  const spare = program.scratch([1]);
  dispatchRows(program, softKernel, {
    rows,
    uniforms: { u32: [rows, cols], f32: [args.scale] },
    buffers: [logits, targets, rowWeights, loss, dLogits ?? spare],
    constants: {
      HAS_GRADIENT: dLogits === undefined ? 0 : 1,
      ACCUMULATE: args.accumulate === true ? 1 : 0,
    },
  });
  program.release(spare);
}
