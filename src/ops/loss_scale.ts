import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import wgsl from "./loss_scale.wgsl" with { type: "text" };

const kernel = defineKernel("loss_scale", wgsl);

/** How the factor of the loss follows the gradient's size; powers of 2 keep it exact. */
export interface LossScaleRule {
  /** Good steps in a row after which the scale grows. */
  growthInterval: number;
  growth: number;
  /** Factor after a gradient that was not finite. */
  backoff: number;
  /** Scale at which such a gradient stops the run. */
  least: number;
  largest: number;
}

/**
 * Records the step of a dynamic loss scale after `gradientNorm`: unscales the
 * norm, tells the optimizer by which factor to unscale and changes the scale.
 */
export function updateLossScale(
  program: Program,
  args: {
    /** `[4]`: scale, good steps in a row, skipped steps, 0. */
    state: Tensor;
    /** Output of `gradientNorm`. */
    norm: Tensor;
    rule: LossScaleRule;
  },
): void {
  const { state, norm, rule } = args;
  if (state.length !== 4 || norm.length !== 4) {
    throw shapeError("updateLossScale", { state, norm });
  }
  program.dispatch(kernel, {
    uniforms: {
      f32: [
        rule.growthInterval,
        rule.growth,
        rule.backoff,
        rule.least,
        rule.largest,
      ],
    },
    buffers: [state, norm],
    workgroups: 1,
  });
}
