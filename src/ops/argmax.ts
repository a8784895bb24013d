import type { Program, Tensor } from "../gpu/mod.ts";
import { logitSizes } from "./logit_sizes.ts";
import { defineRowKernel, dispatchRows } from "./row_kernel.ts";
import logitRow from "./common/logit_row.wgsl" with { type: "text" };
import wgsl from "./argmax.wgsl" with { type: "text" };

const kernel = defineRowKernel("argmax", wgsl, [logitRow]);

/**
 * Records the predicted class of each row of `logits` `[rows, classes]`, ties
 * going to the smaller class, and its softmax probability.
 */
export function argmaxRows(
  program: Program,
  args: {
    logits: Tensor;
    /** u32 `[rows]`. */
    labels: Tensor;
    /** `[rows]`. */
    confidence?: Tensor;
  },
): void {
  const { logits, labels, confidence } = args;
  const { rows, cols } = logitSizes("argmaxRows", {
    logits: { logits },
    rows: { confidence },
    labels: { labels },
  });
  const spare = program.scratch([1]);
  dispatchRows(program, kernel, {
    rows,
    uniforms: { u32: [rows, cols] },
    buffers: [logits, labels, confidence ?? spare],
    constants: { HAS_CONFIDENCE: confidence === undefined ? 0 : 1 },
  });
  program.release(spare);
}
