import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import stepStruct from "./common/step.wgsl" with { type: "text" };
import wgsl from "./ema.wgsl" with { type: "text" };

const kernel = defineKernel("ema", wgsl, [stepStruct]);

/**
 * Records one step of the moving average of a parameter segment; the decay
 * comes from `step`, the tensor of `StepUniform`, the gate from `norm`.
 */
export function ema(
  program: Program,
  args: { parameter: Tensor; average: Tensor; norm: Tensor; step: Tensor },
): void {
  const { parameter, average, norm, step } = args;
  const { length } = parameter;
  if (
    length % 4 !== 0 || average.length !== length || norm.length !== 4 ||
    step.length !== 8
  ) {
    throw shapeError("ema", { parameter, average, norm, step });
  }
  program.dispatch(kernel, {
    uniforms: { u32: [length / 4] },
    buffers: [parameter, average, norm, step],
    workgroups: Math.ceil(length / 256),
  });
}
