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
import {
  consistencyMse,
  copyRows,
  crossEntropy,
  softmaxForward,
} from "../ops/mod.ts";
import {
  type Batch,
  Optimizer,
  PatchInput,
  type RowRange,
  shareOf,
  shareOffsets,
  SplitBatch,
  splitRows,
  StepProgram,
} from "../training/mod.ts";
import { type Context, STREAMS } from "./context.ts";
import { GradientSum, RowFigures } from "./losses.ts";
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
    wire: config.wire,
  });
  const evaluated = optimizer.average
    ? { config: model.config, parameters: optimizer.average }
    : model;
  const input = new PatchInput(device, context.studentInput);
  const size = rows.labelled + rows.unlabelled;
  const firstUnlabelled = rows.globalLabelled + rows.firstUnlabelled;
  const ranges = splitRows(size, context.microBatch);
  const positions = Uint32Array.from(
    { length: size },
    (_, i) =>
      i < rows.labelled
        ? rows.firstLabelled + i
        : firstUnlabelled + i - rows.labelled,
  );
  const batch = new SplitBatch(device, positions, ranges);
  // The two kinds of rows of each micro-batch are seen in different views.
  const labelledBatch = new SplitBatch(
    device,
    rows.firstLabelled,
    ranges.map((range) => overlap(range, 0, rows.labelled)),
  );
  const unlabelledBatch = new SplitBatch(
    device,
    firstUnlabelled,
    ranges.map((range) => overlap(range, rows.labelled, size)),
  );
  const weakBatch = new SplitBatch(
    device,
    firstUnlabelled,
    splitRows(rows.unlabelled, context.microBatch),
  );
  const unlabelled = new Unlabelled(context, evaluated, input);
  const step = new StepProgram(device, {
    communicator,
    clock: env.clock,
    wire: config.wire,
  });
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

  const { image } = model.config;
  const views: Views[] = [];
  const view = (of: Batch, salt: number, policy: ViewPolicy) => {
    const made = new Views(device, {
      store: context.trainStore,
      policy,
      indices: of.indices,
      positions: Array.from(of.places),
      size: { height: image, width: image },
      seed: config.seed,
      stream: STREAMS.selfTrain,
      salt,
    });
    views.push(made);
    return made.record(program);
  };
  const weakly = weakPolicy(config, "selfTrain");
  const strongly = strongPolicy(config);
  const { precision } = model.parameters;
  const patchesOfWeak = (index: number) => {
    program.section("data");
    const weak = view(weakBatch.parts[index]!, SALT.weak, weakly);
    const patches = input.record(program, weak, model.config, precision);
    program.release(weak);
    return patches;
  };
  const patchesOf = (index: number) => {
    program.section("data");
    const labelledPart = labelledBatch.parts[index]!;
    const unlabelledPart = unlabelledBatch.parts[index]!;
    const images = program.scratch([ranges[index]!.size, 3, image, image]);
    if (labelledPart.size > 0) {
      const seen = view(labelledPart, SALT.labelled, weakly);
      program.copy(seen, images);
      program.release(seen);
    }
    if (unlabelledPart.size > 0) {
      const seen = view(unlabelledPart, SALT.strong, strongly);
      const start = labelledPart.size * 3 * image * image * 4;
      program.copy(seen, images, start);
      program.release(seen);
    }
    const patches = input.record(program, images, model.config, precision);
    program.release(images);
    return patches;
  };
  // The input of the first micro-batches needs no weights: it is the prefix.
  const weakPatches = online || options.consistency > 0
    ? patchesOfWeak(0)
    : undefined;
  const firstPatches = patchesOf(0);
  step.endPrefix(firstPatches, ...(weakPatches ? [weakPatches] : []));

  let weakLogits: Tensor | undefined;
  if (weakPatches) {
    const all = program.scratch([rows.unlabelled, model.config.classes]);
    weakLogits = all;
    weakBatch.parts.forEach((part, index) =>
      program.scope(() => {
        const patches = index === 0 ? weakPatches : patchesOfWeak(index);
        program.section("forward");
        const activations = vitForward(program, evaluated, {
          patches,
          batch: part.size,
          keep: false,
        });
        const heads = headsForward(program, evaluated, activations, feature);
        copyRows(program, {
          input: heads.logits,
          output: all,
          inputRow: 0,
          outputRow: weakBatch.ranges[index]!.first,
          rows: part.size,
        });
        if (index === 0) program.release(patches);
      })
    );
    if (online) {
      const probabilities = program.scratch(all.shape);
      softmaxForward(program, { input: all, output: probabilities });
      step.gatherToHost(
        probabilities,
        shareOffsets(rows.globalUnlabelled, communicator.size),
        (gathered) => adopt(unlabelled.rule(gathered)),
      );
      program.release(probabilities);
    }
  }
  const onlyUnlabelled = options.consistency === 0
    ? []
    : ranges.map((range) =>
      device.tensor(
        [range.size],
        new Float32Array(range.size).fill(
          1,
          overlap(range, 0, rows.labelled).size,
        ),
      )
    );
  const figures = new RowFigures(step, size, ranges.length);
  const buckets = new GradientBuckets(step, gradients, {
    optimizer,
    bytes: config.bucketBytes,
  });

  const recordPass = (index: number) => {
    const part = batch.parts[index]!;
    const { first } = ranges[index]!;
    const labelledPart = labelledBatch.parts[index]!;
    const unlabelledPart = unlabelledBatch.parts[index]!;
    const patches = index === 0 ? firstPatches : patchesOf(index);

    program.section("forward");
    const activations = vitForward(program, model, {
      patches,
      batch: part.size,
      keep: true,
      recompute: config.recompute,
      ...(dropPath > 0 || dropout > 0
        ? {
          regularisation: {
            dropPath,
            dropout,
            step: step.uniform.tensor,
            positions: part.positions,
          },
        }
        : {}),
    });
    const heads = headsForward(program, model, activations, feature);
    const share = heads.distillation ? 0.5 : 1;
    const loss = program.scratch([part.size]);
    const dHead = (
      logits: Tensor,
      metric: "crossEntropy" | "crossEntropyDistillation",
    ) => {
      const dLogits = new GradientSum(program.scratch(logits.shape));
      crossEntropy(program, {
        logits,
        labels: part.labels,
        rowWeights: part.weights,
        smoothing: 0,
        scale: share / rows.globalLabelled,
        loss,
        dLogits: dLogits.tensor,
        accumulate: dLogits.next(),
      });
      figures.add(metric, loss, first, 1 / rows.globalLabelled);
      return dLogits;
    };
    const dLogits = dHead(heads.logits, "crossEntropy");
    const dDistillation = heads.distillation &&
      dHead(heads.distillation.logits, "crossEntropyDistillation");
    if (weakLogits && options.consistency > 0) {
      const teacher = program.scratch(heads.logits.shape);
      // The labelled rows have weight 0; any finite values do for them.
      program.copy(heads.logits, teacher);
      if (unlabelledPart.size > 0) {
        copyRows(program, {
          input: weakLogits,
          output: teacher,
          inputRow: unlabelledBatch.ranges[index]!.first,
          outputRow: labelledPart.size,
          rows: unlabelledPart.size,
        });
      }
      consistencyMse(program, {
        student: heads.logits,
        teacher,
        rowWeights: onlyUnlabelled[index]!,
        scale: options.consistency / rows.globalUnlabelled,
        loss,
        dStudent: dLogits.tensor,
        accumulate: dLogits.next(),
      });
      figures.add("consistency", loss, first, 1 / rows.globalUnlabelled);
      program.release(teacher);
    }
    program.release(loss);

    program.section("backward");
    const pass = buckets.pass(index, ranges.length);
    const dTokens = headsBackward(program, model, {
      heads,
      kind: feature,
      batch: part.size,
      gradients: pass.gradients,
      losses: optimizer.scaleLosses(program, {
        dLogits: dLogits.tensor,
        ...(dDistillation ? { dDistillationLogits: dDistillation.tensor } : {}),
      }),
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
      const own = drawn.indices.subarray(
        rows.firstUnlabelled,
        rows.firstUnlabelled + rows.unlabelled,
      );
      unlabelledBatch.writeIndices(own);
      weakBatch.writeIndices(own);
      if (drawn.pseudoLabels) adopt(drawn.pseudoLabels);
    },
    // A round's labels come from the weights at its start.
    preparesEarly: (index) => online || index % stepsPerRound !== 0,
    loss: (metrics) => {
      const first = metrics.get("crossEntropy");
      const entropy = model.config.distilled
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
      for (const each of [batch, labelledBatch, unlabelledBatch, weakBatch]) {
        each[Symbol.dispose]();
      }
      for (const each of views) each[Symbol.dispose]();
      unlabelled[Symbol.dispose]();
      input[Symbol.dispose]();
      for (const { buffer } of onlyUnlabelled) buffer.destroy();
      optimizer[Symbol.dispose]();
      gradients[Symbol.dispose]();
    },
  };
}

/** The rows of a range that lie in `[start, end)`, counted from `start`. */
function overlap(range: RowRange, start: number, end: number): RowRange {
  const from = Math.min(Math.max(range.first, start), end);
  const to = Math.max(from, Math.min(range.first + range.size, end));
  return { first: from - start, size: to - from };
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
