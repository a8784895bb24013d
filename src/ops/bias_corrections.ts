import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import wgsl from "./bias_corrections.wgsl" with { type: "text" };

const kernel = defineKernel("bias_corrections", wgsl);

/** Stands for the logarithm of 0. */
const LEAST_LOG = -100;

/**
 * Records AdamW's bias corrections into a copy of the step's values, without the
 * steps that the loss scale has skipped; before `updateLossScale`.
 */
export function biasCorrections(
  program: Program,
  args: {
    /** State of `updateLossScale`. */
    state: Tensor;
    /** Copy of the tensor of `StepUniform`. */
    step: Tensor;
    beta1: number;
    beta2: number;
  },
): void {
  const { state, step, beta1, beta2 } = args;
  if (state.length !== 4 || step.length !== 8) {
    throw shapeError("biasCorrections", { state, step });
  }
  program.dispatch(kernel, {
    uniforms: {
      f32: [beta1, beta2].map((beta) => Math.max(LEAST_LOG, Math.log(beta))),
    },
    buffers: [state, step],
    workgroups: 1,
  });
}
