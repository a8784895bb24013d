import {
  strongPolicy,
  type ViewPolicy,
  Views,
  weakPolicy,
} from "../augment/mod.ts";
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
import { consistencyMse, crossEntropy, softmaxForward } from "../ops/mod.ts";
import {
  Batch,
  Optimizer,
  PatchInput,
  shareOf,
  shareOffsets,
  StepProgram,
} from "../training/mod.ts";
import { type Context, STREAMS } from "./context.ts";
import { GradientSum, recordSum } from "./losses.ts";
import { type PseudoLabels, Unlabelled } from "./pseudo_labels.ts";
import { GradientBuckets, type Recipe } from "./recipe.ts";
import { SALT } from "./step_images.ts";

/** Rows of one rank: labelled first, then unlabelled. */
interface Rows {
  globalLabelled: number;
  globalUnlabelled: number;
  /** First own position among the labelled and the unlabelled of the global batch. */
  firstLabelled: number;
  firstUnlabelled: number;
  labelled: number;
  unlabelled: number;
}

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
  const { device, communicator, config, env, data, split } = context;
  const options = config.phases.selfTrain;
  const { feature, dropPath, dropout } = config.student;
  const rows = divide(context);
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
  });
  const evaluated = optimizer.average
    ? { config: model.config, parameters: optimizer.average }
    : model;
  const input = new PatchInput(device, context.studentInput);
  const labelledBatch = new Batch(device, rows.labelled, rows.firstLabelled);
  const unlabelledBatch = new Batch(
    device,
    rows.unlabelled,
    rows.globalLabelled + rows.firstUnlabelled,
  );
  const size = rows.labelled + rows.unlabelled;
  const batch = new Batch(device, size, 0);
  device.write(
    batch.positions,
    Uint32Array.from(
      { length: size },
      (_, i) =>
        i < rows.labelled
          ? rows.firstLabelled + i
          : rows.globalLabelled + rows.firstUnlabelled + i - rows.labelled,
    ),
  );
  const unlabelled = new Unlabelled(context, evaluated, input);
  const step = new StepProgram(device, communicator, env.clock);
  const { program } = step;
  const labels = new Uint32Array(size);
  const weights = new Float32Array(size).fill(1);
  const steps = Math.ceil(options.images / config.globalBatch);
  const stepsPerRound = Math.max(1, Math.ceil(steps / options.rounds));
  const online = options.method !== "pseudo-label";
  let used: PseudoLabels = {
    labels: new Int32Array(),
    weights: new Float32Array(),
    accuracy: 0,
    rate: 0,
  };

  /** Own rows of the pseudo-labels of the global batch. */
  const adopt = (all: PseudoLabels) => {
    used = all;
    for (let i = 0; i < rows.unlabelled; i++) {
      labels[rows.labelled + i] = all.labels[rows.firstUnlabelled + i]!;
      weights[rows.labelled + i] = options.unlabelledWeight *
        all.weights[rows.firstUnlabelled + i]! *
        rows.globalLabelled / rows.globalUnlabelled;
    }
    batch.writeLabels(labels);
    batch.writeWeights(weights);
  };

  program.section("data");
  const { image } = model.config;
  const views: Views[] = [];
  const view = (of: Batch, salt: number, policy: ViewPolicy) => {
    const first = of === labelledBatch
      ? rows.firstLabelled
      : rows.globalLabelled + rows.firstUnlabelled;
    const made = new Views(device, {
      store: context.trainStore,
      policy,
      indices: of.indices,
      positions: Array.from({ length: of.size }, (_, i) => first + i),
      size: { height: image, width: image },
      seed: config.seed,
      stream: STREAMS.selfTrain,
      salt,
    });
    views.push(made);
    return made.record(program);
  };
  const weakly = weakPolicy(config, "selfTrain");
  const { precision } = model.parameters;
  let weakPatches: Tensor | undefined;
  if (online || options.consistency > 0) {
    const weak = view(unlabelledBatch, SALT.weak, weakly);
    weakPatches = input.record(program, weak, model.config, precision);
    program.release(weak);
  }
  const labelledView = view(labelledBatch, SALT.labelled, weakly);
  const strongView = view(unlabelledBatch, SALT.strong, strongPolicy(config));
  const images = program.scratch([size, 3, image, image]);
  program.copy(labelledView, images);
  program.copy(strongView, images, labelledView.length * 4);
  program.release(labelledView, strongView);
  const patches = input.record(program, images, model.config, precision);
  program.release(images);
  step.endPrefix(patches, ...(weakPatches ? [weakPatches] : []));

  program.section("forward");
  let weakLogits: Tensor | undefined;
  if (weakPatches) {
    const activations = vitForward(program, evaluated, {
      patches: weakPatches,
      batch: rows.unlabelled,
      keep: false,
    });
    const heads = headsForward(program, evaluated, activations, feature);
    program.release(weakPatches, activations.tokens);
    weakLogits = heads.logits;
    if (online) {
      const probabilities = program.scratch(weakLogits.shape);
      softmaxForward(program, { input: weakLogits, output: probabilities });
      step.gatherToHost(
        probabilities,
        shareOffsets(rows.globalUnlabelled, communicator.size),
        (all) => adopt(unlabelled.rule(all)),
      );
      program.release(probabilities);
    }
  }
  const activations = vitForward(program, model, {
    patches,
    batch: size,
    keep: true,
    ...(dropPath > 0 || dropout > 0
      ? {
        regularisation: {
          dropPath,
          dropout,
          step: step.uniform.tensor,
          positions: batch.positions,
        },
      }
      : {}),
  });
  const heads = headsForward(program, model, activations, feature);
  const share = heads.distillation ? 0.5 : 1;
  const loss = program.scratch([size]);
  const dHead = (
    logits: Tensor,
    metric: "crossEntropy" | "crossEntropyDistillation",
  ) => {
    const dLogits = new GradientSum(program.scratch(logits.shape));
    crossEntropy(program, {
      logits,
      labels: batch.labels,
      rowWeights: batch.weights,
      smoothing: 0,
      scale: share / rows.globalLabelled,
      loss,
      dLogits: dLogits.tensor,
      accumulate: dLogits.next(),
    });
    recordSum(step, loss, metric, 1 / rows.globalLabelled);
    return dLogits;
  };
  const dLogits = dHead(heads.logits, "crossEntropy");
  const dDistillation = heads.distillation &&
    dHead(heads.distillation.logits, "crossEntropyDistillation");
  let onlyUnlabelled: Tensor | undefined;
  if (weakLogits && options.consistency > 0) {
    onlyUnlabelled = device.tensor(
      [size],
      new Float32Array(size).fill(1, rows.labelled),
    );
    const teacher = program.scratch(heads.logits.shape);
    // The labelled rows have weight 0; any finite values do for them.
    program.copy(heads.logits, teacher);
    program.copy(
      weakLogits,
      teacher,
      rows.labelled * model.config.classes * 4,
    );
    consistencyMse(program, {
      student: heads.logits,
      teacher,
      rowWeights: onlyUnlabelled,
      scale: options.consistency / rows.globalUnlabelled,
      loss,
      dStudent: dLogits.tensor,
      accumulate: dLogits.next(),
    });
    recordSum(step, loss, "consistency", 1 / rows.globalUnlabelled);
    program.release(teacher);
  }
  program.release(loss);

  program.section("backward");
  const buckets = new GradientBuckets(step, gradients, optimizer);
  const dTokens = headsBackward(program, model, {
    heads,
    kind: feature,
    batch: size,
    gradients,
    losses: optimizer.scaleLosses(program, {
      dLogits: dLogits.tensor,
      ...(dDistillation ? { dDistillationLogits: dDistillation.tensor } : {}),
    }),
  });
  buckets.ready("heads");
  vitBackward(program, model, {
    activations,
    dTokens,
    gradients,
    onGradients: (group) => buckets.ready(group),
  });
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
      for (const each of views) each.write(index);
      for (let i = 0; i < rows.labelled; i++) {
        const position = index * rows.globalLabelled + rows.firstLabelled + i;
        chosen[i] = sampler.at(position);
        labels[i] = data.train.labels[chosen[i]!]!;
      }
      labelledBatch.writeIndices(chosen);
      if (!online) {
        const round = Math.floor(index / stepsPerRound);
        await unlabelled.startRound(round);
      }
      const drawn = unlabelled.draw(
        index * rows.globalUnlabelled,
        rows.globalUnlabelled,
      );
      unlabelledBatch.writeIndices(
        drawn.indices.subarray(
          rows.firstUnlabelled,
          rows.firstUnlabelled + rows.unlabelled,
        ),
      );
      if (drawn.pseudoLabels) adopt(drawn.pseudoLabels);
    },
    // A round's labels come from the weights at its start.
    preparesEarly: (index) => online || index % stepsPerRound !== 0,
    loss: (metrics) => {
      const first = metrics.get("crossEntropy");
      const entropy = heads.distillation
        ? (first + metrics.get("crossEntropyDistillation")) / 2
        : first;
      return entropy + options.consistency * metrics.get("consistency");
    },
    figures: () => ({}),
    hostFigures: () => ({
      mask_rate: used.rate,
      pseudo_label_accuracy: used.accuracy,
    }),
    conclude: () => unlabelled.conclude(),
    save: () => unlabelled.save(),
    restore: (state) => unlabelled.restore(state),
    [Symbol.dispose]() {
      step[Symbol.dispose]();
      for (const each of [batch, labelledBatch, unlabelledBatch]) {
        each[Symbol.dispose]();
      }
      for (const each of views) each[Symbol.dispose]();
      unlabelled[Symbol.dispose]();
      input[Symbol.dispose]();
      onlyUnlabelled?.buffer.destroy();
      optimizer[Symbol.dispose]();
      gradients[Symbol.dispose]();
    },
  };
}

function divide({ config, communicator }: Context): Rows {
  const { globalBatch } = config;
  const { unlabelledRatio } = config.phases.selfTrain;
  const { rank, size } = communicator;
  const globalLabelled = Math.min(
    globalBatch - size,
    Math.max(size, Math.round(globalBatch / (1 + unlabelledRatio))),
  );
  const globalUnlabelled = globalBatch - globalLabelled;
  const [firstLabelled, endLabelled] = shareOf(globalLabelled, rank, size);
  const [firstUnlabelled, endUnlabelled] = shareOf(
    globalUnlabelled,
    rank,
    size,
  );
  return {
    globalLabelled,
    globalUnlabelled,
    firstLabelled,
    firstUnlabelled,
    labelled: endLabelled - firstLabelled,
    unlabelled: endUnlabelled - firstUnlabelled,
  };
}
