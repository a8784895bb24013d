import type { Program, Tensor } from "../gpu/mod.ts";
import { logitSizes } from "./logit_sizes.ts";
import { defineRowKernel, dispatchRows } from "./row_kernel.ts";
import logitRow from "./common/logit_row.wgsl" with { type: "text" };
import wgsl from "./softmax_linear.wgsl" with { type: "text" };

const kernel = defineRowKernel("softmax_linear", wgsl, [logitRow]);

/** Arguments of {@linkcode softmaxLinear}; logits are `[rows, classes]`. */
export interface SoftmaxLinearArgs {
  logits: Tensor;
  /** Factor of each class's probability, `[classes]`. */
  factors: Tensor;
  /** `[rows]`; 0 for rows that do not count. */
  rowWeights: Tensor;
  /** Factor of the gradient; not of `loss`. */
  scale: number;
  /** Weighted loss of each row, `[rows]`. */
  loss: Tensor;
  dLogits: Tensor;
  /** Adds to `dLogits` instead of overwriting it. */
  accumulate?: boolean;
}

/**
 * Records the sum of a row's class probabilities, each times a factor. With the
 * gradient for a batch's mean probabilities as factors this is the backward pass of
 * any loss on that mean.
 */
export function softmaxLinear(program: Program, args: SoftmaxLinearArgs): void {
  const { logits, factors, rowWeights, loss, dLogits } = args;
  const { rows, cols } = logitSizes("softmaxLinear", {
    logits: { logits, dLogits },
    rows: { rowWeights, loss },
    classes: { factors },
  });
  dispatchRows(program, kernel, {
    rows,
    uniforms: { u32: [rows, cols], f32: [args.scale] },
    buffers: [logits, factors, rowWeights, loss, dLogits],
    constants: { ACCUMULATE: args.accumulate === true ? 1 : 0 },
  });
}
