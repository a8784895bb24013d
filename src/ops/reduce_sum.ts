import type { Program, Tensor } from "../gpu/mod.ts";
import { shapeError } from "../gpu/mod.ts";
import { reduceChunks } from "./reduce_rows.ts";

/** Elements per partial sum; a function of nothing but the length, so sums are reproducible. */
const CHUNK = 1024;

/**
 * Records `output[slot] = scale * sum(input)`. `output` is bound whole, so the
 * slots of one result buffer can be filled by several calls.
 */
export function reduceSum(
  program: Program,
  args: { input: Tensor; output: Tensor; slot: number; scale: number },
): void {
  const { input, output, slot, scale } = args;
  if (slot < 0 || slot >= output.length || input.length === 0) {
    throw shapeError(`reduceSum into slot ${slot}`, { input, output });
  }
  if (input.length <= CHUNK) {
    reduceChunks(program, { input, output, chunk: input.length, slot, scale });
    return;
  }
  const partial = program.scratch([Math.ceil(input.length / CHUNK)]);
  reduceChunks(program, { input, output: partial, chunk: CHUNK });
  reduceSum(program, { input: partial, output, slot, scale });
  program.release(partial);
}
