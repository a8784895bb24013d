import {
  defineRealKernel,
  type Program,
  shapeError,
  type Tensor,
} from "../gpu/mod.ts";
import { realTypeOf } from "./real_type.ts";
import common from "./common/gelu.wgsl" with { type: "text" };
import wgsl from "./gelu.wgsl" with { type: "text" };

const kernels = defineRealKernel("gelu", wgsl, [common]);

/** Arguments of {@linkcode geluForward}, all of one length and type. */
export interface GeluForwardArgs {
  input: Tensor;
  output: Tensor;
}

/**
 * Records the exact GELU, `output = x/2 (1 + erf(x / sqrt 2))` (Hendrycks and
 * Gimpel 2016).
 *
 * @throws {RangeError} With both shapes, if they do not fit.
 *
 * @example
 * ```ts
 * import { Device, geluForward } from "@signet/signet";
 * import { ok } from "node:assert";
 *
 * using device = await Device.open();
 * const input = device.tensor([2], Float32Array.of(0, 1));
 * const output = device.tensor([2]);
 * device.run((program) => geluForward(program, { input, output }));
 * const [, atOne] = await device.read(output);
 * ok(Math.abs(atOne! - 0.841345) < 1e-5);
 * ```
 */
export function geluForward(program: Program, args: GeluForwardArgs): void {
  const { input, output } = args;
  if (output.length !== input.length) {
    throw shapeError("geluForward", { ...args });
  }
  program.dispatch(kernels[realTypeOf("geluForward", { ...args })], {
    uniforms: { u32: [input.length] },
    buffers: [input, input, output],
    constants: { BACKWARD: 0 },
    workgroups: Math.ceil(input.length / 64),
  });
}

/** Arguments of {@linkcode geluBackward}, all of one length and type. */
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
  program.dispatch(kernels[realTypeOf("geluBackward", { ...args })], {
    uniforms: { u32: [input.length] },
    buffers: [input, dOutput, dInput],
    constants: { BACKWARD: 1 },
    workgroups: Math.ceil(input.length / 64),
  });
}
