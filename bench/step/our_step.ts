import { crc32 } from "node:zlib";
import { type Config, parseConfig } from "../../src/config/mod.ts";
import type { DataSet } from "../../src/data/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import type { Device } from "../../src/gpu/mod.ts";
import {
  type NamedValues,
  ParameterSet,
  vitSegments,
} from "../../src/model/mod.ts";
import { ImageStore } from "../../src/ops/mod.ts";
import {
  type Context,
  type Recipe,
  STREAMS,
  supervisedRecipe,
} from "../../src/phases/mod.ts";
import {
  type Communicator,
  CONSTANTS,
  Division,
  type FinishedStep,
  Leftovers,
  soloCommunicator,
  type Wire,
} from "../../src/training/mod.ts";
import type { StepModel } from "./models.ts";
import type { StepProblem } from "./step_problem.ts";

/** Of a step that several ranks do together. */
export interface OurStepOptions {
  communicator?: Communicator;
  wire?: Wire;
  bucketBytes?: number | "auto";
}

/** The step of a supervised phase, as every run records it, on a set of one batch. */
export class OurStep {
  readonly #recipe: Recipe;
  readonly #config: Config;
  readonly #weights: ParameterSet;
  readonly #sections = new Map<string, number>();
  #step = 0;

  private constructor(recipe: Recipe, config: Config, weights: ParameterSet) {
    this.#recipe = recipe;
    this.#config = config;
    this.#weights = weights;
  }

  static async open(
    device: Device,
    model: StepModel,
    problem: StepProblem,
    options: OurStepOptions = {},
  ): Promise<OurStep> {
    const { communicator = soloCommunicator(), ...wish } = options;
    const config = configOf(model, problem, wish);
    const context = contextOf(device, config, { problem, communicator });
    const parameters = new ParameterSet(
      device,
      vitSegments(model.config),
      "parameters",
      problem.precision,
    );
    parameters.writeAll(problem.weights);
    const recipe = await supervisedRecipe(context, {
      phase: "teacher",
      model: { config: model.config, parameters },
      normalisation: CONSTANTS.half,
      feature: "class",
      indices: Int32Array.from({ length: model.batch }, (_, i) => i),
      images: config.phases.teacher.images,
      optimizer: config.phases.teacher.optimizer,
      schedule: config.phases.teacher.schedule,
      labelSmoothing: 0,
      frozen: false,
      dropPath: 0,
      headDropout: 0,
      dropout: 0,
    });
    return new OurStep(recipe, config, parameters);
  }

  /** One step, waiting for its loss; milliseconds of the whole. Gradients are `lossScale` times too large. */
  async run(): Promise<
    { loss: number; lossScale: number; skipped: boolean; ms: number }
  > {
    const { step } = this.#recipe;
    const start = realEnv.clock.now();
    await this.#recipe.prepare(this.#step);
    await step.run({
      values: this.#values(this.#step),
      stop: false,
      next: undefined,
    });
    step.drain();
    const [finished] = step.takeFinished();
    this.#step++;
    this.#sections.clear();
    for (const { label, milliseconds } of finished!.timings) {
      const before = this.#sections.get(label) ?? 0;
      this.#sections.set(label, before + milliseconds);
    }
    const { metrics } = finished!;
    return {
      loss: this.#recipe.loss(metrics),
      lossScale: metrics.get("lossScale"),
      skipped: metrics.get("gate") > 0,
      ms: realEnv.clock.now() - start,
    };
  }

  /** Steps one after the other as in a run: each prepares the next one. */
  async train(count: number): Promise<FinishedStep[]> {
    const { step } = this.#recipe;
    const end = this.#step + count;
    let prepared = false;
    for (; this.#step < end; this.#step++) {
      const following = this.#step + 1;
      if (!prepared) await this.#recipe.prepare(this.#step);
      prepared = false;
      await step.run({
        values: this.#values(this.#step),
        stop: false,
        next: following === end ? undefined : async () => {
          await this.#recipe.prepare(following);
          prepared = true;
          return this.#values(following);
        },
      });
      if (step.full) step.drain();
    }
    step.drain();
    return step.takeFinished();
  }

  /** Bytes of each exchange of gradients. */
  get buckets(): number[] {
    return this.#recipe.step.traffic.buckets;
  }

  /** Of the weights, in 32 bits. */
  async checksum(): Promise<number> {
    let sum = 0;
    for (const { data } of (await this.#weights.read()).values()) {
      const bytes = new Uint8Array(
        data.buffer,
        data.byteOffset,
        data.byteLength,
      );
      sum = crc32(bytes, sum);
    }
    return sum;
  }

  /** Gradients of the last step. */
  gradients(): Promise<NamedValues> {
    return this.#recipe.gradients.read();
  }

  /** GPU milliseconds of the last step by section. */
  sectionTimes(): ReadonlyMap<string, number> {
    return this.#sections;
  }

  #values(step: number) {
    const { optimizer, learningRate, emaDecay } = this.#recipe;
    return {
      seed: this.#config.seed,
      stream: STREAMS.teacher,
      step,
      learningRate,
      ...optimizer.corrections(step),
      emaDecay,
    };
  }

  [Symbol.dispose](): void {
    this.#recipe[Symbol.dispose]();
    this.#weights[Symbol.dispose]();
  }
}

function configOf(
  { config: { patch, dim, depth, heads }, batch }: StepModel,
  { optimizer, precision }: StepProblem,
  wish: Pick<OurStepOptions, "wire" | "bucketBytes">,
): Config {
  return parseConfig({
    ...wish,
    globalBatch: batch,
    precision,
    data: { normalise: "half" },
    teacher: { patch, dim, depth, heads },
    phases: {
      // Its rules on batches are not those of this phase.
      distill: { enabled: false },
      teacher: {
        images: batch * 1_000_000,
        optimizer: { ...optimizer, clipNorm: 0 },
        schedule: { kind: "constant", warmupSteps: 0 },
      },
    },
  });
}

function contextOf(
  device: Device,
  config: Config,
  { problem, communicator }: {
    problem: StepProblem;
    communicator: Communicator;
  },
): Context {
  const { images, labels, classes } = problem;
  const count = labels.length;
  const part = {
    pixels: images.pixels,
    labels,
    count,
    channels: 3,
    height: images.size,
    width: images.size,
    nameOf: String,
  } as const;
  const data: DataSet = {
    name: "synthetic",
    classNames: Array.from({ length: classes }, (_, i) => `${i}`),
    train: part,
    test: part,
    skipped: [],
  };
  const all = Int32Array.from({ length: count }, (_, i) => i);
  const none = new Int32Array(0);
  const store = ImageStore.create(device, part);
  return {
    env: realEnv,
    config,
    communicator,
    division: Division.even(communicator),
    runFolder: "",
    cacheFolder: "",
    dataHash: "",
    microBatch: 0,
    mostRows: count,
    leftovers: new Leftovers(),
    stopRequested: () => false,
    onProgress: () => {},
    onStep: () => {},
    log: () => {},
    device,
    data,
    split: {
      seed: config.seed,
      labelled: all,
      unlabelled: none,
      validation: none,
      test: none,
    },
    trainStore: store,
    testStore: store,
    studentInput: CONSTANTS.half,
    teacherInput: CONSTANTS.half,
  };
}
