import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import wgsl from "./scale_by.wgsl" with { type: "text" };

const kernel = defineKernel("scale_by", wgsl);

/** Arguments of {@linkcode scaleBy}. */
export interface ScaleByArgs {
  input: Tensor;
  /** Of the input's length. */
  output: Tensor;
  /** Default: 1. */
  scale?: number;
  /** A further factor, `[1]`, read when the program runs. */
  factor?: Tensor | undefined;
  /** Adds to `output` instead of overwriting it. */
  accumulate?: boolean;
}

/** Records `output = scale factor input`, or adds it. */
export function scaleBy(program: Program, args: ScaleByArgs): void {
  const { input, output, scale = 1, factor } = args;
  if (
    (factor ?? { length: 1 }).length !== 1 || output.length !== input.length
  ) {
    throw shapeError("scaleBy", { input, output, ...(factor && { factor }) });
  }
  const spare = program.scratch([1]);
  program.dispatch(kernel, {
    uniforms: { u32: [input.length], f32: [scale] },
    buffers: [input, factor ?? spare, output],
    constants: {
      FACTOR: factor === undefined ? 0 : 1,
      ACCUMULATE: args.accumulate === true ? 1 : 0,
    },
    workgroups: Math.ceil(input.length / 64),
  });
  program.release(spare);
}
