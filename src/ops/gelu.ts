import {
  defineKernel,
  type Program,
  shapeError,
  type Tensor,
} from "../gpu/mod.ts";
import common from "./common/gelu.wgsl" with { type: "text" };
import wgsl from "./gelu.wgsl" with { type: "text" };

const kernel = defineKernel("gelu", wgsl, [common]);

/** Arguments of {@linkcode geluForward}, all of one length. */
export interface GeluForwardArgs {
  input: Tensor;
  output: Tensor;
}

/** Records `output = x/2 (1 + erf(x / sqrt 2))`. */
export function geluForward(program: Program, args: GeluForwardArgs): void {
  const { input, output } = args;
  if (output.length !== input.length) {
    throw shapeError("geluForward", { ...args });
  }
  program.dispatch(kernel, {
    uniforms: { u32: [input.length] },
    buffers: [input, input, output],
    constants: { BACKWARD: 0 },
    workgroups: Math.ceil(input.length / 64),
  });
}

/** Arguments of {@linkcode geluBackward}, all of one length. */
export interface GeluBackwardArgs {
  input: Tensor;
  dOutput: Tensor;
  dInput: Tensor;
}

/** Records `dInput = dOutput gelu'(input)`. */
export function geluBackward(program: Program, args: GeluBackwardArgs): void {
  const { input, dOutput, dInput } = args;
  if (dOutput.length !== input.length || dInput.length !== input.length) {
    throw shapeError("geluBackward", { ...args });
  }
  program.dispatch(kernel, {
    uniforms: { u32: [input.length] },
    buffers: [input, dOutput, dInput],
    constants: { BACKWARD: 1 },
    workgroups: Math.ceil(input.length / 64),
  });
}
