import { ParameterSet, type Segment, type Vit } from "../model/mod.ts";
import {
  Optimizer,
  type OptimizerOptions,
  StepProgram,
} from "../training/mod.ts";
import type { Context } from "./context.ts";
import { GradientBuckets } from "./recipe.ts";

/** A model that learns: what each of its steps is recorded into and updates. */
export interface Learner {
  readonly gradients: ParameterSet;
  readonly optimizer: Optimizer;
  readonly step: StepProgram;
  readonly buckets: GradientBuckets;
}

/** @param trained Whether a segment learns; default: all do. */
export function openLearner(
  { device, communicator, config, env, scratch }: Context,
  { parameters }: Vit,
  options: Omit<OptimizerOptions, "lossScale" | "wire">,
  trained?: (segment: Segment) => boolean,
): Learner {
  const { lossScale, wire } = config;
  const gradients = new ParameterSet(device, parameters.segments, "gradients");
  const optimizer = new Optimizer(
    device,
    parameters,
    { ...options, lossScale, wire },
    trained,
  );
  const step = new StepProgram(device, {
    communicator,
    clock: env.clock,
    wire,
    lossScale: optimizer.lossScale?.state,
    scratch,
  });
  const buckets = new GradientBuckets(step, gradients, {
    optimizer,
    bytes: config.bucketBytes,
  });
  return { gradients, optimizer, step, buckets };
}
