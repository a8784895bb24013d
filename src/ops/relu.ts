import {
  defineKernel,
  type Program,
  shapeError,
  type Tensor,
} from "../gpu/mod.ts";
import wgsl from "./relu.wgsl" with { type: "text" };

const kernel = defineKernel("relu", wgsl);

/** Arguments of {@linkcode reluForward}, f32 of one length. */
export interface ReluForwardArgs {
  input: Tensor;
  output: Tensor;
}

/** Records `output = max(input, 0)`. */
export function reluForward(program: Program, args: ReluForwardArgs): void {
  const { input, output } = args;
  if (output.length !== input.length) {
    throw shapeError("reluForward", { ...args });
  }
  program.dispatch(kernel, {
    uniforms: { u32: [input.length] },
    buffers: [input, input, output],
    constants: { BACKWARD: 0 },
    workgroups: Math.ceil(input.length / 64),
  });
}

/** Arguments of {@linkcode reluBackward}, f32 of one length. */
export interface ReluBackwardArgs {
  /** What {@linkcode reluForward} gave. */
  output: Tensor;
  dOutput: Tensor;
  dInput: Tensor;
}

/** Records `dInput = dOutput` where the output is above 0, else 0. */
export function reluBackward(program: Program, args: ReluBackwardArgs): void {
  const { output, dOutput, dInput } = args;
  if (dOutput.length !== output.length || dInput.length !== output.length) {
    throw shapeError("reluBackward", { ...args });
  }
  program.dispatch(kernel, {
    uniforms: { u32: [output.length] },
    buffers: [output, dOutput, dInput],
    constants: { BACKWARD: 1 },
    workgroups: Math.ceil(output.length / 64),
  });
}
