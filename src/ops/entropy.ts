import type { Program, Tensor } from "../gpu/mod.ts";
import { logitSizes } from "./logit_sizes.ts";
import { defineRowKernel, dispatchRows } from "./row_kernel.ts";
import logitRow from "./common/logit_row.wgsl" with { type: "text" };
import wgsl from "./entropy.wgsl" with { type: "text" };

const kernel = defineRowKernel("entropy", wgsl, [logitRow]);

/** Arguments of {@linkcode entropy}; logits are `[rows, classes]`. */
export interface EntropyArgs {
  logits: Tensor;
  /** `[rows]`; 0 for padding rows. */
  rowWeights: Tensor;
  /** Factor of the gradient, such as 1 / globalBatch; not of `loss`. */
  scale: number;
  /** Weighted entropy of each row in nats, `[rows]`. */
  loss: Tensor;
  dLogits?: Tensor;
  /** Adds to `dLogits` instead of overwriting it. */
  accumulate?: boolean;
}

/** Records the entropy of the softmax of each row, with its gradient. */
export function entropy(program: Program, args: EntropyArgs): void {
  const { logits, rowWeights, loss, dLogits } = args;
  const { rows, cols } = logitSizes("entropy", {
    logits: { logits, dLogits },
    rows: { rowWeights, loss },
  });
  const spare = program.scratch([1]);
  dispatchRows(program, kernel, {
    rows,
    uniforms: { u32: [rows, cols], f32: [args.scale] },
    buffers: [logits, rowWeights, loss, dLogits ?? spare],
    constants: {
      HAS_GRADIENT: dLogits === undefined ? 0 : 1,
      ACCUMULATE: args.accumulate === true ? 1 : 0,
    },
  });
  program.release(spare);
}
