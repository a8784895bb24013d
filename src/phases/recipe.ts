import type { Config } from "../config/mod.ts";
import type { Tensor } from "../gpu/mod.ts";
import type {
  FeatureKind,
  NamedTensors,
  NamedValues,
  ParameterSet,
  Vit,
} from "../model/mod.ts";
import {
  cosineSchedule,
  inGroup,
  type MetricValues,
  type Optimizer,
  PassGradients,
  type PatchInput,
  type StepProgram,
  stepSchedule,
} from "../training/mod.ts";
import type { CollapseGuard } from "./collapse_guard.ts";
import type { Context } from "./context.ts";
import type { PhaseName } from "./engine.ts";

/** A phase's training: the recorded step and what the host feeds it. */
export interface Recipe {
  readonly phase: PhaseName;
  readonly steps: number;
  /** Training images of one step, over all ranks. */
  readonly imagesPerStep: number;
  /** Images of one epoch. */
  readonly epochImages: number;
  readonly model: Vit;
  /** What is evaluated and kept: the moving average where there is one. */
  readonly evaluated: Vit;
  readonly gradients: ParameterSet;
  readonly optimizer: Optimizer;
  readonly emaDecay: number;
  readonly step: StepProgram;
  readonly input: PatchInput;
  readonly feature: FeatureKind;
  readonly schedule: Config["phases"]["teacher"]["schedule"];
  readonly learningRate: number;
  /** Steps after which training begins anew; default: all. */
  readonly cycle?: number | undefined;
  /** Its heads learn classes, so that accuracy means something. */
  readonly classifies: boolean;
  /** The first weights compete for the best model. */
  readonly startCompetes: boolean;
  /** Watches what the phase makes of its own predictions. */
  readonly guard?: CollapseGuard | undefined;
  /** Why the phase is not to train from a start of this validation accuracy. */
  refuses?(accuracy: number): string | undefined;
  /** Writes the batch of a step. */
  prepare(step: number): void | Promise<void>;
  /** Whether the batch of a step can be written before the step before it has ended; default: always. */
  preparesEarly?(step: number): boolean;
  /** The objective's value at a step. */
  loss(metrics: MetricValues): number;
  /** Further figures for `metrics.jsonl`. */
  figures(metrics: MetricValues): Record<string, number>;
  /** Figures of the last step that the host knows: asked before the next one is prepared. */
  hostFigures?(): Record<string, number>;
  /** Whether a parameter belongs to the finished model; default: all do. */
  isShipped?(name: string): boolean;
  /** Runs once with the chosen weights in `evaluated`; its figures go to the summary. */
  conclude?(): Promise<Record<string, number>>;
  /** State beside weights that a checkpoint holds: JSON. */
  save(): unknown;
  restore(state: unknown): void;
  [Symbol.dispose](): void;
}

/** The finished model's parameters. */
export async function shippedValues(
  { evaluated, isShipped = () => true }: Recipe,
): Promise<NamedValues> {
  const values = await evaluated.parameters.read();
  return new Map([...values].filter(([name]) => isShipped(name)));
}

/**
 * Least and largest bucket of `auto`, in bytes. Each bucket costs the GPU a pause,
 * and nothing hides the way of the last one.
 */
const LEAST_BUCKET = 64 * 1024;
const LARGEST_BUCKET = 4 * 1024 * 1024;
/** Buckets that `auto` aims at. */
const BUCKETS = 8;

/** The backward pass of one micro-batch. */
export interface BackwardPass {
  readonly gradients: NamedTensors;
  /** All gradients of a group (`heads`, `norm`, `blocks.i`, `embeddings`) are recorded. */
  ready(group: string): void;
}

/**
 * Sums gradients over micro-batches and sends those of finished segments in the
 * backward order of the last one.
 */
export class GradientBuckets {
  readonly #step: StepProgram;
  readonly #gradients: ParameterSet;
  readonly #optimizer: Optimizer;
  /** Bytes from which a bucket is sent. */
  readonly #bytes: number;
  #waiting: Tensor[] = [];

  constructor(
    step: StepProgram,
    gradients: ParameterSet,
    { optimizer, bytes }: {
      optimizer: Optimizer;
      bytes: Config["bucketBytes"];
    },
  ) {
    this.#step = step;
    this.#gradients = gradients;
    this.#optimizer = optimizer;
    const trained = gradients.tensors.filter((_, i) => optimizer.trains(i));
    this.#bytes = bytes === "auto" ? bucketBytes(trained) : bytes;
  }

  /** The pass of one of `count` micro-batches, in order from 0. */
  pass(index: number, count: number): BackwardPass {
    const { program } = this.#step;
    const gradients = new PassGradients(program, this.#gradients, index === 0);
    return {
      gradients,
      ready: (group) => {
        gradients.ready(group);
        if (index === count - 1) this.#ready(group);
      },
    };
  }

  #ready(group: string): void {
    this.#gradients.segments.forEach(({ name }, i) => {
      if (!inGroup(name, group)) return;
      if (this.#optimizer.trains(i)) {
        this.#waiting.push(this.#gradients.tensors[i]!);
      }
    });
    if (totalBytes(this.#waiting) >= this.#bytes) {
      this.#step.bucket(this.#waiting.splice(0));
    }
  }

  /** Sends the rest with the metrics, then waits for all sums. */
  finish(): void {
    this.#step.lastBucket(this.#waiting.splice(0));
  }
}

/** The bucket of `auto`: depends on the model only, since the order of sums does on it. */
function bucketBytes(gradients: readonly Tensor[]): number {
  const share = totalBytes(gradients) / BUCKETS;
  return Math.min(LARGEST_BUCKET, Math.max(LEAST_BUCKET, share));
}

function totalBytes(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, { length }) => sum + length * 4, 0);
}

/** Records the update that follows the gradients, and ends the step. */
export async function recordUpdate(
  { config }: Context,
  { step, optimizer, model, gradients }: Pick<
    Recipe,
    "step" | "optimizer" | "model" | "gradients"
  >,
): Promise<void> {
  optimizer.record(
    step.program,
    model.parameters,
    gradients,
    step.uniform.tensor,
    config.mixed ? (computed) => step.takeFromOwners(computed) : undefined,
  );
  await step.finish(optimizer.norm);
}

/** What the learning rate is a function of. */
type Scheduled = Pick<Recipe, "schedule" | "learningRate" | "steps" | "cycle">;

/** Learning rate at a step, from 0. No warm-up takes more than a fourth of the steps. */
export function learningRateAt(recipe: Scheduled, globalStep: number): number {
  const { schedule, learningRate: base, cycle } = recipe;
  const step = cycle === undefined ? globalStep : globalStep % cycle;
  const steps = Math.min(recipe.steps, cycle ?? recipe.steps);
  const warmupSteps = Math.min(schedule.warmupSteps, Math.floor(steps / 4));
  // The first step of a warm-up learns too.
  if (step < warmupSteps) return base * (step + 1) / warmupSteps;
  switch (schedule.kind) {
    case "cosine":
      // Alone, a step is no end.
      if (steps === 1) return base;
      return cosineSchedule({
        base,
        min: schedule.minLearningRate,
        warmupSteps,
        totalSteps: steps,
      })(step + 1);
    case "step":
      return stepSchedule({
        base,
        every: schedule.everySteps,
        factor: schedule.factor,
      })(step);
    case "constant":
      return base;
  }
}
