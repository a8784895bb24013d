import type { Program, Tensor } from "../gpu/mod.ts";
import { shapeError } from "../gpu/mod.ts";
import { defineRowKernel, dispatchRows } from "./row_kernel.ts";
import wgsl from "./reduce_rows.wgsl" with { type: "text" };

const kernel = defineRowKernel("reduce_rows", wgsl);

/** Records `output[r] = sum of input[r, :]`; `output` has `input.shape[0]` elements. */
export function reduceRows(
  program: Program,
  args: { input: Tensor; output: Tensor },
): void {
  const { input, output } = args;
  const [rows, cols] = input.shape;
  if (
    rows === undefined || cols === undefined || input.shape.length !== 2 ||
    output.length !== rows
  ) throw shapeError("reduceRows", { input, output });
  reduceChunks(program, { input, output, chunk: cols });
}

/**
 * Records the sums of chunks of `chunk` elements, into `output` from `slot` on.
 * With `square`, the sums of squares, -1 where a value is not finite.
 */
export function reduceChunks(
  program: Program,
  args: {
    input: Tensor;
    output: Tensor;
    chunk: number;
    slot?: number;
    scale?: number;
    square?: boolean;
  },
): void {
  const { input, output, chunk, slot = 0, scale = 1, square = false } = args;
  const rows = Math.ceil(input.length / chunk);
  if (slot + rows > output.length) {
    throw shapeError("reduceChunks", { input, output });
  }
  dispatchRows(program, kernel, {
    rows,
    uniforms: { u32: [rows, chunk, input.length, slot], f32: [scale] },
    buffers: [input, output],
    constants: { SQUARE: square ? 1 : 0 },
  });
}
