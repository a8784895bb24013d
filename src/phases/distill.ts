import { Sampler } from "../data/mod.ts";
import type { Program, Tensor } from "../gpu/mod.ts";
import {
  type HeadActivations,
  type HeadGradients,
  headsBackward,
  headsForward,
  ParameterSet,
  type Vit,
  type VitActivations,
  vitBackward,
  vitForward,
} from "../model/mod.ts";
import {
  argmaxRows,
  augment,
  copyRows,
  crossEntropy,
  distillKl,
  featureMse,
  relationalAngle,
  relationalDistance,
} from "../ops/mod.ts";
import {
  Batch,
  Optimizer,
  PatchInput,
  shareOf,
  shareOffsets,
  StepProgram,
} from "../training/mod.ts";
import { type Context, STREAMS, teacherFeature } from "./context.ts";
import { GradientSum, recordSum } from "./losses.ts";
import { GradientBuckets, type Recipe } from "./recipe.ts";

/** A model's outputs for a batch. */
interface Outputs {
  activations: VitActivations;
  heads: HeadActivations;
}

/** The student learns from the frozen teacher on labelled and unlabelled images. */
export async function distillRecipe(
  context: Context,
  student: Vit,
  teacher: Vit,
): Promise<Recipe> {
  const { device, communicator, config, env, data, split, trainStore } =
    context;
  const options = config.phases.distill;
  const { globalBatch } = config;
  const [first, end] = shareOf(
    globalBatch,
    communicator.rank,
    communicator.size,
  );
  const size = end - first;
  const feature = config.student.feature;
  const gradients = new ParameterSet(
    device,
    student.parameters.segments,
    "gradients",
  );
  const classifies = options.labels + options.hard + options.soft > 0;
  const optimizer = new Optimizer(
    device,
    student.parameters,
    options.optimizer,
    ({ name }) => classifies || !name.startsWith("heads"),
  );
  const studentInput = new PatchInput(device, context.studentInput);
  const teacherInput = new PatchInput(device, context.teacherInput);
  const batch = new Batch(device, size, first);
  const everyRow = device.tensor([size], new Float32Array(size).fill(1));
  const step = new StepProgram(device, communicator, env.clock);
  const { program } = step;

  program.section("data");
  const { image } = student.config;
  const images = program.scratch([size, 3, image, image]);
  augment(program, {
    store: trainStore,
    indices: batch.indices,
    positions: batch.positions,
    step: step.uniform.tensor,
    output: images,
    padding: config.data.padding,
    flip: config.data.flip,
    strength: 0,
    salt: 1,
  });
  program.section("forward");
  const teacherPatches = teacherInput.record(program, images, teacher.config);
  const teacherOut = forward(program, teacher, {
    patches: teacherPatches,
    size,
    keep: false,
    kind: teacherFeature(context),
  });
  program.release(teacherPatches);
  const patches = studentInput.record(program, images, student.config);
  program.release(images);
  const { dropPath, dropout } = config.student;
  const activations = vitForward(program, student, {
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
  const heads = headsForward(program, student, activations, feature);
  const losses = recordLosses(context, {
    step,
    batch,
    everyRow,
    student: { activations, heads },
    teacher: teacherOut,
  });

  program.section("backward");
  const buckets = new GradientBuckets(step, gradients, optimizer);
  const dTokens = headsBackward(program, student, {
    heads,
    kind: feature,
    batch: size,
    gradients,
    losses,
  });
  buckets.ready("heads");
  vitBackward(program, student, {
    activations,
    dTokens,
    gradients,
    onGradients: (group) => buckets.ready(group),
  });
  buckets.finish();
  program.section("update");
  optimizer.record(program, student.parameters, gradients, step.uniform.tensor);
  await step.finish(optimizer.norm);

  const labelled = new Set(split.labelled);
  const indices = Int32Array.from([...split.labelled, ...split.unlabelled])
    .sort();
  const sampler = new Sampler(indices, config.seed, STREAMS.distill);
  const chosen = new Uint32Array(size);
  const labels = new Uint32Array(size);
  const weights = new Float32Array(size);
  return {
    phase: "distill",
    steps: Math.ceil(options.images / globalBatch),
    imagesPerStep: globalBatch,
    epochImages: indices.length,
    model: student,
    evaluated: optimizer.average
      ? { config: student.config, parameters: optimizer.average }
      : student,
    gradients,
    optimizer,
    emaDecay: options.optimizer.ema,
    step,
    input: studentInput,
    feature,
    schedule: options.schedule,
    learningRate: options.optimizer.learningRate,
    classifies,
    startCompetes: false,
    prepare(index) {
      for (let i = 0; i < size; i++) {
        const chosenImage = sampler.at(index * globalBatch + first + i);
        const known = labelled.has(chosenImage);
        chosen[i] = chosenImage;
        labels[i] = known ? data.train.labels[chosenImage]! : 0;
        weights[i] = known ? 1 : 0;
      }
      batch.writeIndices(chosen);
      if (options.labels > 0) {
        batch.writeLabels(labels);
        batch.writeWeights(weights);
      }
    },
    loss: (metrics) =>
      options.labels * metrics.get("crossEntropy") +
      options.hard * metrics.get("hard") +
      options.soft * metrics.get("soft") +
      options.feature * metrics.get("feature") +
      options.relationalDistance * metrics.get("relationalDistance") +
      options.relationalAngle * metrics.get("relationalAngle"),
    figures: (metrics) => ({
      loss_labels: metrics.get("crossEntropy"),
      loss_hard: metrics.get("hard"),
      loss_soft: metrics.get("soft"),
      loss_feature: metrics.get("feature"),
      loss_relational_distance: metrics.get("relationalDistance"),
      loss_relational_angle: metrics.get("relationalAngle"),
    }),
    save: () => ({}),
    restore: () => {},
    [Symbol.dispose]() {
      step[Symbol.dispose]();
      batch[Symbol.dispose]();
      studentInput[Symbol.dispose]();
      teacherInput[Symbol.dispose]();
      everyRow.buffer.destroy();
      optimizer[Symbol.dispose]();
      gradients[Symbol.dispose]();
    },
  };
}

function forward(
  program: Program,
  model: Vit,
  options: {
    patches: Tensor;
    size: number;
    keep: boolean;
    kind: "class" | "mean" | "both";
  },
): Outputs {
  const { patches, size, keep, kind } = options;
  const activations = vitForward(program, model, {
    patches,
    batch: size,
    keep,
  });
  const heads = headsForward(program, model, activations, kind);
  return { activations, heads };
}

/** Records every loss with a weight and returns the gradients for the student's outputs. */
function recordLosses(
  context: Context,
  args: {
    step: StepProgram;
    batch: Batch;
    everyRow: Tensor;
    student: Outputs;
    teacher: Outputs;
  },
): HeadGradients {
  const { step, batch, everyRow, student, teacher } = args;
  const { config } = context;
  const { globalBatch } = config;
  const options = config.phases.distill;
  const { program } = step;
  const { logits } = student.heads;
  const [rows = 0, classes = 0] = logits.shape;
  // Without a distillation head its losses act on the class head.
  const distillation = student.heads.distillation?.logits ?? logits;
  const dLogits = new GradientSum(program.scratch(logits.shape));
  const dDistillation = student.heads.distillation
    ? new GradientSum(program.scratch(logits.shape))
    : dLogits;
  const loss = program.scratch([rows]);

  if (options.labels > 0) {
    crossEntropy(program, {
      logits,
      labels: batch.labels,
      rowWeights: batch.weights,
      smoothing: 0,
      scale: options.labels / globalBatch,
      loss,
      dLogits: dLogits.tensor,
      accumulate: dLogits.next(),
    });
    recordSum(step, loss, "crossEntropy", 1 / globalBatch);
  }
  if (options.hard > 0) {
    const labels = program.scratch([rows], "u32");
    argmaxRows(program, { logits: teacher.heads.logits, labels });
    crossEntropy(program, {
      logits: distillation,
      labels,
      rowWeights: everyRow,
      smoothing: 0,
      scale: options.hard / globalBatch,
      loss,
      dLogits: dDistillation.tensor,
      accumulate: dDistillation.next(),
    });
    program.release(labels);
    recordSum(step, loss, "hard", 1 / globalBatch);
  }
  if (options.soft > 0) {
    const divisor = options.softDivisor === "numel"
      ? globalBatch * classes
      : globalBatch;
    distillKl(program, {
      student: distillation,
      teacher: teacher.heads.logits,
      rowWeights: everyRow,
      temperature: options.temperature,
      scale: options.soft / divisor,
      loss,
      dStudent: dDistillation.tensor,
      accumulate: dDistillation.next(),
    });
    recordSum(step, loss, "soft", 1 / divisor);
  }
  const gradients: HeadGradients = {};
  if (options.feature > 0) {
    const dTokens = program.scratch(student.activations.tokens.shape);
    featureMse(program, {
      student: student.activations.tokens,
      teacher: teacher.activations.tokens,
      batch: rows,
      rowWeights: everyRow,
      scale: options.feature / globalBatch,
      loss,
      dStudent: dTokens,
    });
    recordSum(step, loss, "feature", 1 / globalBatch);
    gradients.dTokens = dTokens;
  }
  program.release(loss);
  const dFeature = recordRelational(context, args);
  if (dFeature) gradients.dFeature = dFeature;
  if (dLogits.value) gradients.dLogits = dLogits.value;
  if (dDistillation !== dLogits && dDistillation.value) {
    gradients.dDistillationLogits = dDistillation.value;
  }
  return gradients;
}

/**
 * Records the relational losses on the features of all ranks. Every rank
 * computes the whole loss and keeps its own rows' gradient; rank 0 alone
 * counts its value.
 */
function recordRelational(
  { config, communicator }: Context,
  { step, student, teacher }: {
    step: StepProgram;
    student: Outputs;
    teacher: Outputs;
  },
): Tensor | undefined {
  const { relationalDistance: distance, relationalAngle: angle } =
    config.phases.distill;
  if (distance + angle === 0) return undefined;
  const { program } = step;
  const { rank, size } = communicator;
  const offsets = shareOffsets(config.globalBatch, size);
  const own = student.heads.feature;
  const studentRows = step.gather(own, offsets);
  const teacherRows = step.gather(teacher.heads.feature, offsets);
  const sum = new GradientSum(program.scratch(studentRows.shape));
  const loss = program.scratch([1]);
  const counted = rank === 0 ? 1 : 0;
  for (
    const [weight, op, metric] of [
      [distance, relationalDistance, "relationalDistance"],
      [angle, relationalAngle, "relationalAngle"],
    ] as const
  ) {
    if (weight === 0) continue;
    op(program, {
      student: studentRows,
      teacher: teacherRows,
      loss,
      dStudent: sum.tensor,
      scale: weight,
      accumulate: sum.next(),
    });
    recordSum(step, loss, metric, counted);
  }
  program.release(loss);
  if (!step.distributed) return sum.tensor;
  const dFeature = program.scratch(own.shape);
  copyRows(program, {
    input: sum.tensor,
    output: dFeature,
    inputRow: offsets[rank]!,
    outputRow: 0,
    rows: own.shape[0]!,
  });
  program.release(sum.tensor, studentRows, teacherRows);
  return dFeature;
}
