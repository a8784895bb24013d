import type { Program, Tensor } from "../gpu/mod.ts";
import { logitSizes } from "./logit_sizes.ts";
import { defineRowKernel, dispatchRows } from "./row_kernel.ts";
import logitRow from "./common/logit_row.wgsl" with { type: "text" };
import wgsl from "./combine_logits.wgsl" with { type: "text" };

const kernel = defineRowKernel("combine_logits", wgsl, [logitRow]);

/**
 * Records the prediction of several models together as logits `[rows, classes]`: the
 * logarithm of their mean probabilities, or of the share of models that vote for a
 * class. Probabilities below 1e-6 count as that.
 */
export function combineLogits(
  program: Program,
  { models, kind, output }: {
    models: readonly Tensor[];
    kind: "mean" | "vote";
    output: Tensor;
  },
): void {
  if (models.length === 0) {
    throw new RangeError("Cannot record combineLogits of no models");
  }
  const named = models.map((model, i) => [`models.${i}`, model] as const);
  const { rows, cols } = logitSizes("combineLogits", {
    logits: { output, ...Object.fromEntries(named) },
  });
  models.forEach((logits, i) =>
    dispatchRows(program, kernel, {
      rows,
      uniforms: { u32: [rows, cols], f32: [1 / models.length] },
      buffers: [logits, output],
      constants: {
        VOTE: kind === "vote" ? 1 : 0,
        ACCUMULATE: i > 0 ? 1 : 0,
        LAST: i === models.length - 1 ? 1 : 0,
      },
    })
  );
}
