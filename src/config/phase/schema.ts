import * as z from "zod";
import { ownAugment } from "../augment/schema.ts";
import { count, flag, weight } from "../values/schema.ts";

function optimizer(learningRate: number) {
  return z.strictObject({
    kind: z.enum(["adamw", "sgd"]).default("adamw").describe(
      "update rule: AdamW (decoupled weight decay) or SGD with momentum",
    ),
    learningRate: z.number().positive().default(learningRate).describe(
      "peak learning rate, for the whole global batch",
    ),
    weightDecay: weight(0.05).describe(
      "weight decay; vectors, tokens and position embeddings have none",
    ),
    beta1: z.number().min(0).lt(1).default(0.9).describe(
      "AdamW: decay of the first moment",
    ),
    beta2: z.number().min(0).lt(1).default(0.98).describe(
      "AdamW: decay of the second moment",
    ),
    epsilon: z.number().positive().default(1e-8).describe(
      "AdamW: added to the root of the second moment",
    ),
    momentum: z.number().min(0).lt(1).default(0.9).describe("SGD: momentum"),
    clipNorm: weight(1).describe(
      "largest global norm of the gradient; 0 = no clipping",
    ),
    layerDecay: z.number().gt(0).max(1).default(1).describe(
      "factor of the learning rate per block below the heads, so that early blocks of a pretrained model change less: published 0.5 to 0.75; 1 = off",
    ),
    ema: z.number().min(0).lt(1).default(0).describe(
      "decay of the averaged weights (EMA) that are evaluated and kept: 0.999 averages about 1000 steps; 0 = off",
    ),
  }).prefault({}).describe("how the weights are updated");
}

const schedule = z.strictObject({
  kind: z.enum(["cosine", "step", "constant"]).default("cosine").describe(
    "shape of the learning rate over the phase, after the warm-up",
  ),
  warmupSteps: count(60).describe("steps of linear warm-up from 0"),
  minLearningRate: weight(0).describe("cosine: learning rate at the end"),
  everySteps: count(1000, { min: 1 }).describe("step: steps between two drops"),
  factor: z.number().gt(0).max(1).default(0.1).describe(
    "step: factor of each drop",
  ),
}).prefault({}).describe("learning rate over time");

/** Keys that every phase has. */
export function phase(images: number, learningRate: number, enabled = true) {
  return {
    enabled: flag(enabled).describe("whether the phase runs"),
    images: count(images, { min: 1 }).describe("training images seen"),
    augment: ownAugment,
    optimizer: optimizer(learningRate),
    schedule,
  };
}

export const labelSmoothing = z.number().min(0).lt(1).default(0).describe(
  "share of each target spread evenly over all classes",
);
