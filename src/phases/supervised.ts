import type { Config } from "../config/mod.ts";
import { Sampler } from "../data/mod.ts";
import {
  type FeatureKind,
  headsBackward,
  headsForward,
  headWeightGradients,
  type Vit,
  vitBackward,
  vitForward,
} from "../model/mod.ts";
import { type Normalisation, PatchInput, splitRows } from "../training/mod.ts";
import { type Context, STREAMS } from "./context.ts";
import type { PhaseName } from "./engine.ts";
import { openLearner } from "./learner.ts";
import {
  classificationLoss,
  classificationValue,
  RowFigures,
} from "./losses.ts";
import { type Recipe, recordUpdate } from "./recipe.ts";
import { microBatches } from "./step_images.ts";

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
  headDropout: number;
}

/** Cross-entropy on labelled images: teacher, ST-Class and the baseline. */
export async function supervisedRecipe(
  context: Context,
  options: SupervisedOptions,
): Promise<Recipe> {
  const { device, config } = context;
  const { phase, model, feature, frozen } = options;
  const { globalBatch } = config;
  const [first, end] = context.division.own(globalBatch);
  const size = end - first;
  const { gradients, optimizer, step, buckets } = openLearner(
    context,
    model,
    options.optimizer,
    ({ name }) => !frozen || name.startsWith("heads"),
  );
  const input = new PatchInput(device, options.normalisation);
  const ranges = splitRows(size, context.microBatch);
  const parts = microBatches(context, {
    phase,
    first,
    ranges,
    image: model.config.image,
  });
  const { program } = step;
  const figures = new RowFigures(step, size, ranges.length);
  const { dropPath, dropout, headDropout } = options;
  const regularised = !frozen && (dropPath > 0 || dropout > 0);
  const recordPass = (index: number) => {
    const { rows, images: stepImages } = parts[index]!;
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

    const regularisation = {
      dropPath,
      dropout,
      headDropout,
      step: step.uniform.tensor,
      positions: rows.positions,
    };
    program.section("forward");
    const activations = vitForward(program, model, {
      patches,
      batch: rows.size,
      keep: !frozen,
      recompute: config.recompute,
      ...(regularised ? { regularisation } : {}),
    });
    const heads = headsForward(
      program,
      model,
      activations,
      feature,
      regularisation,
    );
    const loss = classificationLoss(step, heads, {
      mixing: stepImages.mixing,
      labels: rows.labels,
      rowWeights: rows.weights,
      smoothing: options.labelSmoothing,
      globalRows: globalBatch,
      figures,
      first: ranges[index]!.first,
    });
    const losses = optimizer.scaleLosses(program, loss);

    program.section("backward");
    const pass = buckets.pass(index, ranges.length);
    if (frozen) {
      headWeightGradients(program, model, {
        heads,
        gradients: pass.gradients,
        losses,
      });
      pass.ready("heads");
      return;
    }
    const dTokens = headsBackward(program, model, {
      heads,
      kind: feature,
      batch: rows.size,
      gradients: pass.gradients,
      losses,
    });
    pass.ready("heads");
    vitBackward(program, model, {
      activations,
      dTokens,
      gradients: pass.gradients,
      onGradients: pass.ready,
    });
  };
  ranges.forEach((_, index) => program.scope(() => recordPass(index)));
  figures.finish();
  buckets.finish();
  program.section("update");
  await recordUpdate(context, { step, optimizer, model: model, gradients });

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
      for (const each of parts) {
        each.images.write(
          index,
          (position) => sampler.at(start + position),
          () => 1,
        );
      }
    },
    loss: (metrics) => classificationValue(metrics, model.config.distilled),
    figures: (metrics) => ({ accuracy: metrics.get("correct") }),
    save: () => ({}),
    restore: () => {},
    [Symbol.dispose]() {
      step[Symbol.dispose]();
      for (const each of parts) each[Symbol.dispose]();
      input[Symbol.dispose]();
      optimizer[Symbol.dispose]();
      gradients[Symbol.dispose]();
    },
  };
}
