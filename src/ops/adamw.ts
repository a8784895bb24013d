import type { Program, Tensor } from "../gpu/mod.ts";
import wgsl from "./adamw.wgsl" with { type: "text" };
import { defineUpdate, dispatchUpdate, type UpdateArgs } from "./update.ts";

const kernel = defineUpdate("adamw", wgsl);

/** Arguments of {@linkcode adamw}. */
export interface AdamwArgs extends UpdateArgs {
  firstMoment: Tensor;
  secondMoment: Tensor;
  beta1: number;
  beta2: number;
  epsilon: number;
}

/** Records one AdamW step of a parameter segment. */
export function adamw(program: Program, args: AdamwArgs): void {
  const { firstMoment, secondMoment, beta1, beta2 } = args;
  dispatchUpdate(program, kernel, {
    op: "adamw",
    args,
    moments: { firstMoment, secondMoment },
    f32: [
      beta1,
      beta2,
      1 - beta1,
      1 - beta2,
      args.epsilon,
      args.weightDecay,
      args.clipNorm,
      args.rateScale,
    ],
  });
}
