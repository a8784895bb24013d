import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import wgsl from "./copy_rows.wgsl" with { type: "text" };

const words = defineKernel("copy_rows", wgsl, ["alias Element = u32;"]);
const halves = defineKernel("copy_rows_f16", wgsl, [
  "enable f16;\nalias Element = f16;",
]);

/** Arguments of {@linkcode copyRows}. */
export interface CopyRowsArgs {
  /** `[.., width]` */
  input: Tensor;
  /** `[.., width]`, in another buffer, of the same type */
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
  if (input.type !== output.type) {
    throw new TypeError(
      `Cannot record copyRows: types do not fit: input ${input.type}, output ${output.type}`,
    );
  }
  if (input.buffer === output.buffer) {
    throw shapeError("copyRows within one buffer", { input, output });
  }
  program.dispatch(input.type === "f16" ? halves : words, {
    uniforms: {
      u32: [rows * width, inputRow * width, outputRow * width],
    },
    buffers: [input, output],
    workgroups: Math.ceil(rows * width / 64),
  });
}
