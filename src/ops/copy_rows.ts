import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import wgsl from "./copy_rows.wgsl" with { type: "text" };

const kernel = defineKernel("copy_rows", wgsl);

/** Arguments of {@linkcode copyRows}. */
export interface CopyRowsArgs {
  /** `[.., width]` */
  input: Tensor;
  /** `[.., width]`, in another buffer */
  output: Tensor;
  inputRow: number;
  outputRow: number;
  rows: number;
}

/**
 * Records a copy of consecutive rows, for places where a view cannot be bound
 * because its first byte is no multiple of 256.
 */
export function copyRows(program: Program, args: CopyRowsArgs): void {
  const { input, output, inputRow, outputRow, rows } = args;
  const width = input.shape.at(-1) ?? 0;
  if (
    output.shape.at(-1) !== width || inputRow < 0 || outputRow < 0 ||
    rows < 0 || (inputRow + rows) * width > input.length ||
    (outputRow + rows) * width > output.length
  ) {
    throw new RangeError(
      `Cannot record copyRows: ${rows} rows from ${inputRow} of [${input.shape}] to ${outputRow} of [${output.shape}]`,
    );
  }
  if (input.buffer === output.buffer) {
    throw shapeError("copyRows within one buffer", { input, output });
  }
  program.dispatch(kernel, {
    uniforms: {
      u32: [rows * width, inputRow * width, outputRow * width],
    },
    buffers: [input, output],
    workgroups: Math.ceil(rows * width / 64),
  });
}
