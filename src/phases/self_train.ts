import { Sampler } from "../data/mod.ts";
import type { Tensor } from "../gpu/mod.ts";
import {
  headsBackward,
  headsForward,
  ParameterSet,
  type Vit,
  vitBackward,
  vitForward,
} from "../model/mod.ts";
import { copyRows, softmaxForward } from "../ops/mod.ts";
import {
  Optimizer,
  PatchInput,
  shareOffsets,
  StepProgram,
} from "../training/mod.ts";
import { type Context, STREAMS } from "./context.ts";
import { classificationValue, RowFigures } from "./losses.ts";
import { Unlabelled } from "./pseudo_labels.ts";
import { GradientBuckets, type Recipe } from "./recipe.ts";
import { SelfTrainBatch } from "./self_train_batch.ts";
import { SelfTrainLosses } from "./self_train_losses.ts";
import { selfTrainRows } from "./self_train_rows.ts";

/**
 * SSL-ST-Class: the classified student learns from the labelled images and
 * from its own confident predictions on the others.
 *
 * FixMatch and its kin label a weak view in every step and learn from a strong
 * view of the same image; `pseudo-label` labels all images once a round.
 */
export async function selfTrainRecipe(
  context: Context,
  model: Vit,
): Promise<Recipe> {
  const { device, communicator, config, env, split } = context;
  const options = config.phases.selfTrain;
  const { feature, dropPath, dropout, headDropout } = config.student;
  const rows = selfTrainRows(context);
  const gradients = new ParameterSet(
    device,
    model.parameters.segments,
    "gradients",
  );
  const emaDecay = options.emaDecay || options.optimizer.ema;
  const optimizer = new Optimizer(device, model.parameters, {
    ...options.optimizer,
    ema: emaDecay,
    lossScale: config.lossScale,
    wire: config.wire,
  });
  const evaluated = optimizer.average
    ? { config: model.config, parameters: optimizer.average }
    : model;
  const input = new PatchInput(device, context.studentInput);
  const batch = new SelfTrainBatch(context, { rows, input, model });
  const { ranges } = batch;
  const unlabelled = new Unlabelled(context, evaluated, input);
  const step = new StepProgram(device, {
    communicator,
    clock: env.clock,
    wire: config.wire,
    lossScale: optimizer.lossScale?.state,
  });
  const { program } = step;
  const steps = Math.ceil(options.images / config.globalBatch);
  const stepsPerRound = Math.max(1, Math.ceil(steps / options.rounds));
  const online = options.method !== "pseudo-label";

  // The input of the first micro-batches needs no weights: it is the prefix.
  const weakPatches = online || options.consistency > 0
    ? batch.recordWeak(program, 0)
    : undefined;
  const firstPatches = batch.record(program, 0);
  step.endPrefix(firstPatches, ...(weakPatches ? [weakPatches] : []));

  /** What the labeller makes of the unlabelled rows. */
  const recordLabeller = (first: Tensor): Tensor => {
    const logits = program.scratch([rows.unlabelled, model.config.classes]);
    batch.weak.parts.forEach((part, index) =>
      program.scope(() => {
        const patches = index === 0 ? first : batch.recordWeak(program, index);
        program.section("forward");
        const activations = vitForward(program, evaluated, {
          patches,
          batch: part.size,
          keep: false,
        });
        const heads = headsForward(program, evaluated, activations, feature);
        copyRows(program, {
          input: heads.logits,
          output: logits,
          inputRow: 0,
          outputRow: batch.weak.ranges[index]!.first,
          rows: part.size,
        });
        if (index === 0) program.release(patches);
      })
    );
    if (!online) return logits;
    const probabilities = program.scratch(logits.shape);
    softmaxForward(program, { input: logits, output: probabilities });
    step.gatherToHost(
      probabilities,
      shareOffsets(rows.globalUnlabelled, communicator.size),
      (gathered) => batch.adopt(unlabelled.rule(gathered)),
    );
    program.release(probabilities);
    return logits;
  };
  const weakLogits = weakPatches && recordLabeller(weakPatches);

  const size = rows.labelled + rows.unlabelled;
  const figures = new RowFigures(step, size, ranges.length);
  const losses = new SelfTrainLosses(device, {
    step,
    batch,
    rows,
    figures,
    consistency: options.consistency,
  });
  const buckets = new GradientBuckets(step, gradients, {
    optimizer,
    bytes: config.bucketBytes,
  });

  const recordPass = (index: number) => {
    const part = batch.all.parts[index]!;
    const patches = index === 0 ? firstPatches : batch.record(program, index);

    const regularisation = {
      dropPath,
      dropout,
      headDropout,
      step: step.uniform.tensor,
      positions: part.positions,
    };
    program.section("forward");
    const activations = vitForward(program, model, {
      patches,
      batch: part.size,
      keep: true,
      recompute: config.recompute,
      ...(dropPath > 0 || dropout > 0 ? { regularisation } : {}),
    });
    const heads = headsForward(
      program,
      model,
      activations,
      feature,
      regularisation,
    );
    const loss = losses.record(index, heads, weakLogits);

    program.section("backward");
    const pass = buckets.pass(index, ranges.length);
    const dTokens = headsBackward(program, model, {
      heads,
      kind: feature,
      batch: part.size,
      gradients: pass.gradients,
      losses: optimizer.scaleLosses(program, loss),
    });
    pass.ready("heads");
    vitBackward(program, model, {
      activations,
      dTokens,
      gradients: pass.gradients,
      onGradients: pass.ready,
    });
    if (index === 0) program.release(patches);
  };
  ranges.forEach((_, index) => program.scope(() => recordPass(index)));
  figures.finish();
  buckets.finish();
  program.section("update");
  optimizer.record(program, model.parameters, gradients, step.uniform.tensor);
  await step.finish(optimizer.norm);

  const sampler = new Sampler(split.labelled, config.seed, STREAMS.selfTrain);
  const chosen = new Uint32Array(rows.labelled);
  return {
    phase: "selfTrain",
    steps,
    imagesPerStep: config.globalBatch,
    epochImages: split.unlabelled.length,
    model,
    evaluated,
    gradients,
    optimizer,
    emaDecay,
    step,
    input,
    feature,
    schedule: options.schedule,
    learningRate: options.optimizer.learningRate,
    classifies: true,
    startCompetes: true,
    async prepare(index) {
      const start = index * rows.globalLabelled + rows.firstLabelled;
      for (let i = 0; i < rows.labelled; i++) {
        chosen[i] = sampler.at(start + i);
      }
      if (!online) {
        await unlabelled.startRound(Math.floor(index / stepsPerRound));
      }
      const { indices, pseudoLabels } = unlabelled.draw(
        index * rows.globalUnlabelled,
        rows.globalUnlabelled,
      );
      const own = indices.subarray(
        rows.firstUnlabelled,
        rows.firstUnlabelled + rows.unlabelled,
      );
      batch.write(index, chosen, own);
      if (pseudoLabels) batch.adopt(pseudoLabels);
    },
    // A round's labels come from the weights at its start.
    preparesEarly: (index) => online || index % stepsPerRound !== 0,
    loss: (metrics) => {
      const entropy = classificationValue(metrics, model.config.distilled);
      return entropy + options.consistency * metrics.get("consistency");
    },
    figures: () => ({}),
    hostFigures: () => ({
      mask_rate: batch.used.rate,
      pseudo_label_accuracy: batch.used.accuracy,
    }),
    conclude: () => unlabelled.conclude(),
    save: () => unlabelled.save(),
    restore: (state) => unlabelled.restore(state),
    [Symbol.dispose]() {
      step[Symbol.dispose]();
      losses[Symbol.dispose]();
      batch[Symbol.dispose]();
      unlabelled[Symbol.dispose]();
      input[Symbol.dispose]();
      optimizer[Symbol.dispose]();
      gradients[Symbol.dispose]();
    },
  };
}
