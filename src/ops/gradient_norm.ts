import type { Program, Tensor } from "../gpu/mod.ts";
import { shapeError } from "../gpu/mod.ts";
import { reduceChunks } from "./reduce_rows.ts";
import { defineRowKernel, dispatchRows } from "./row_kernel.ts";
import wgsl from "./gradient_norm.wgsl" with { type: "text" };

const kernel = defineRowKernel("gradient_norm", wgsl);

/** Elements per partial sum of squares. */
const CHUNK = 1024;

/**
 * Records the Euclidean norm over all `gradients` into `output` `[4]`: the norm,
 * then 1 if any value is not finite (the norm is 0 then), else 0.
 */
export function gradientNorm(
  program: Program,
  args: { gradients: readonly Tensor[]; output: Tensor },
): void {
  const { gradients, output } = args;
  if (output.length !== 4 || gradients.length === 0) {
    throw shapeError("gradientNorm", { output });
  }
  const count = gradients.reduce(
    (sum, gradient) => sum + Math.ceil(gradient.length / CHUNK),
    0,
  );
  const partial = program.scratch([count]);
  let slot = 0;
  for (const input of gradients) {
    reduceChunks(program, {
      input,
      output: partial,
      chunk: CHUNK,
      slot,
      square: true,
    });
    slot += Math.ceil(input.length / CHUNK);
  }
  dispatchRows(program, kernel, {
    rows: 1,
    uniforms: { u32: [count] },
    buffers: [partial, output],
  });
  program.release(partial);
}
