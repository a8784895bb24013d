import type { Config } from "../config/mod.ts";
import { Sampler } from "../data/mod.ts";
import {
  type FeatureKind,
  headsBackward,
  headsForward,
  headWeightGradients,
  ParameterSet,
  type Vit,
  vitBackward,
  vitForward,
} from "../model/mod.ts";
import {
  Batch,
  type Normalisation,
  Optimizer,
  PatchInput,
  shareOf,
  StepProgram,
} from "../training/mod.ts";
import { type Context, STREAMS } from "./context.ts";
import type { PhaseName } from "./engine.ts";
import { classificationLoss, classificationValue } from "./losses.ts";
import { GradientBuckets, type Recipe } from "./recipe.ts";
import { StepImages } from "./step_images.ts";

/** What differs between the phases that learn from labels alone. */
export interface SupervisedOptions {
  phase: PhaseName;
  model: Vit;
  normalisation: Normalisation;
  feature: FeatureKind;
  /** Training images by index into `data.train`; their labels are used. */
  indices: Int32Array;
  images: number;
  optimizer: Config["phases"]["teacher"]["optimizer"];
  schedule: Config["phases"]["teacher"]["schedule"];
  labelSmoothing: number;
  /** Only the heads learn. */
  frozen: boolean;
  dropPath: number;
  dropout: number;
}

/** Cross-entropy on labelled images: teacher, ST-Class and the baseline. */
export async function supervisedRecipe(
  context: Context,
  options: SupervisedOptions,
): Promise<Recipe> {
  const { device, communicator, config, env } = context;
  const { phase, model, feature, frozen } = options;
  const { globalBatch } = config;
  const [first, end] = shareOf(
    globalBatch,
    communicator.rank,
    communicator.size,
  );
  const size = end - first;
  const gradients = new ParameterSet(
    device,
    model.parameters.segments,
    "gradients",
  );
  const optimizer = new Optimizer(
    device,
    model.parameters,
    { ...options.optimizer, lossScale: config.lossScale },
    ({ name }) => !frozen || name.startsWith("heads"),
  );
  const input = new PatchInput(device, options.normalisation);
  const batch = new Batch(device, size, first);
  const { image } = model.config;
  const stepImages = new StepImages(context, { phase, batch, first, image });
  const step = new StepProgram(device, communicator, env.clock);
  const { program } = step;

  program.section("data");
  const images = stepImages.record(program);
  const patches = input.record(
    program,
    images,
    model.config,
    model.parameters.precision,
  );
  program.release(images);
  step.endPrefix(patches);

  program.section("forward");
  const regularised = !frozen && (options.dropPath > 0 || options.dropout > 0);
  const activations = vitForward(program, model, {
    patches,
    batch: size,
    keep: !frozen,
    ...(regularised
      ? {
        regularisation: {
          dropPath: options.dropPath,
          dropout: options.dropout,
          step: step.uniform.tensor,
          positions: batch.positions,
        },
      }
      : {}),
  });
  const heads = headsForward(program, model, activations, feature);
  const loss = classificationLoss(step, heads, {
    mixing: stepImages.mixing,
    labels: batch.labels,
    rowWeights: batch.weights,
    smoothing: options.labelSmoothing,
    globalRows: globalBatch,
  });
  const losses = optimizer.scaleLosses(program, loss);

  program.section("backward");
  const buckets = new GradientBuckets(step, gradients, optimizer);
  if (frozen) {
    headWeightGradients(program, heads, gradients, losses);
    buckets.ready("heads");
  } else {
    const dTokens = headsBackward(program, model, {
      heads,
      kind: feature,
      batch: size,
      gradients,
      losses,
    });
    buckets.ready("heads");
    vitBackward(program, model, {
      activations,
      dTokens,
      gradients,
      onGradients: (group) => buckets.ready(group),
    });
  }
  buckets.finish();
  program.section("update");
  optimizer.record(program, model.parameters, gradients, step.uniform.tensor);
  await step.finish(optimizer.norm);

  const sampler = new Sampler(options.indices, config.seed, STREAMS[phase]);
  return {
    phase,
    steps: Math.ceil(options.images / globalBatch),
    imagesPerStep: globalBatch,
    epochImages: options.indices.length,
    model,
    evaluated: optimizer.average
      ? { config: model.config, parameters: optimizer.average }
      : model,
    gradients,
    optimizer,
    emaDecay: options.optimizer.ema,
    step,
    input,
    feature,
    schedule: options.schedule,
    learningRate: options.optimizer.learningRate,
    classifies: true,
    startCompetes: false,
    prepare(index) {
      const start = index * globalBatch;
      stepImages.write(
        index,
        (position) => sampler.at(start + position),
        () => true,
      );
    },
    loss: (metrics) => classificationValue(metrics, model.config.distilled),
    figures: (metrics) => ({ accuracy: metrics.get("correct") }),
    save: () => ({}),
    restore: () => {},
    [Symbol.dispose]() {
      step[Symbol.dispose]();
      batch[Symbol.dispose]();
      stepImages[Symbol.dispose]();
      input[Symbol.dispose]();
      optimizer[Symbol.dispose]();
      gradients[Symbol.dispose]();
    },
  };
}
