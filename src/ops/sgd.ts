import type { Program, Tensor } from "../gpu/mod.ts";
import wgsl from "./sgd.wgsl" with { type: "text" };
import { defineUpdate, dispatchUpdate, type UpdateArgs } from "./update.ts";

const kernel = defineUpdate("sgd", wgsl);

/** Arguments of {@linkcode sgd}. */
export interface SgdArgs extends UpdateArgs {
  /** Zeros before the first step. */
  momentum: Tensor;
  momentumFactor: number;
}

/** Records one step of SGD with momentum of a parameter segment. */
export function sgd(program: Program, args: SgdArgs): void {
  const { momentum, momentumFactor, weightDecay, clipNorm, rateScale } = args;
  dispatchUpdate(program, kernel, {
    op: "sgd",
    args,
    moments: { momentum },
    f32: [momentumFactor, weightDecay, clipNorm, rateScale],
  });
}
