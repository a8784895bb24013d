import type { Program, Tensor } from "../gpu/mod.ts";
import { shapeError } from "../gpu/mod.ts";
import { reduceChunks } from "./reduce_rows.ts";
import { defineRowKernel, dispatchRows } from "./row_kernel.ts";
import wgsl from "./gradient_norm.wgsl" with { type: "text" };

const kernel = defineRowKernel("gradient_norm", wgsl);

/** Elements per partial sum of squares. */
const CHUNK = 1024;

/**
 * Records the Euclidean norm over all `gradients` into `output` `[4]`, which
 * starts at 0: the norm, then the gate of the update, then two factors of 1
 * that {@linkcode updateLossScale} may change.
 *
 * The gate is 0 when all values are finite. Otherwise the norm is 0 and the gate
 * 1, which skips this update, or with `final` 2, which also skips all later ones,
 * so that parameters stay those of the last good step until the host looks.
 */
export function gradientNorm(
  program: Program,
  args: { gradients: readonly Tensor[]; output: Tensor; final?: boolean },
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
    constants: { BAD: args.final === true ? 2 : 1 },
  });
  program.release(partial);
}
