import type { Mixing } from "../augment/mod.ts";
import type { DistillLoss } from "../config/mod.ts";
import type { Tensor } from "../gpu/mod.ts";
import type {
  HeadActivations,
  HeadGradients,
  NamedTensors,
  Vit,
  VitActivations,
} from "../model/mod.ts";
import {
  argmaxRows,
  combineLogits,
  crossEntropy,
  distillKl,
  scaleBy,
  softCrossEntropy,
} from "../ops/mod.ts";
import type { Batch, Metric, Optimizer, StepProgram } from "../training/mod.ts";
import type { Context } from "./context.ts";
import type { DistillSchedule } from "./distill_schedule.ts";
import { recordFeatureLoss } from "./feature_loss.ts";
import { GradientSum, type RowFigures } from "./losses.ts";
import type { TeacherOutputs } from "./teacher_outputs.ts";

/** A model's outputs for a batch. */
export interface Outputs {
  activations: VitActivations;
  heads: HeadActivations;
}

/** Arguments of {@linkcode recordLosses}. */
export interface DistillLossArgs {
  step: StepProgram;
  model: Vit;
  batch: Batch;
  mixing: Mixing | undefined;
  schedule: DistillSchedule;
  student: Outputs;
  /** Of each teacher; empty when no loss here needs one. */
  teachers: readonly TeacherOutputs[];
  figures: RowFigures;
  /** Micro-batch, and its first row in the rank's share. */
  index: number;
  first: number;
  /** Where the gradients of projections go. */
  gradients: NamedTensors;
  optimizer: Optimizer;
}

/** Records every loss on single images and returns the gradients for the student's outputs. */
export function recordLosses(
  { config }: Context,
  args: DistillLossArgs,
): HeadGradients {
  const { step, batch, mixing, student, teachers, schedule, index } = args;
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
  const uses = (name: DistillLoss) => schedule.scale(name) > 0;
  const common = (name: DistillLoss) => ({
    rowWeights: schedule.rows(name, index),
    scale: schedule.scale(name) / globalBatch,
    loss,
  });
  const note = (metric: Metric, divisor = globalBatch) =>
    args.figures.add(metric, loss, args.first, 1 / divisor);

  if (uses("labels")) {
    const labelled = {
      ...common("labels"),
      logits,
      dLogits: dLogits.tensor,
      accumulate: dLogits.next(),
    };
    if (mixing) {
      // Its targets already leave out unknown labels and follow the schedule, which
      // is in the weights of the labels.
      const targets = mixing.recordTargets(program, { classes, smoothing: 0 });
      softCrossEntropy(program, {
        ...labelled,
        targets,
        rowWeights: schedule.everyRow(index),
      });
      program.release(targets);
    } else {
      crossEntropy(program, {
        ...labelled,
        labels: batch.labels,
        rowWeights: batch.weights,
        smoothing: 0,
      });
    }
    note("crossEntropy");
  }
  const taught = uses("hard") || uses("soft")
    ? combined(args, teachers.map((teacher) => teacher.logits))
    : undefined;
  if (taught && uses("hard")) {
    const labels = program.scratch([rows], "u32");
    argmaxRows(program, { logits: taught, labels });
    crossEntropy(program, {
      ...common("hard"),
      logits: distillation,
      labels,
      smoothing: 0,
      dLogits: dDistillation.tensor,
      accumulate: dDistillation.next(),
    });
    program.release(labels);
    note("hard");
  }
  if (taught && uses("soft")) {
    const divisor = options.softDivisor === "numel"
      ? globalBatch * classes
      : globalBatch;
    recordSoft(args, {
      ...common("soft"),
      scale: schedule.scale("soft") / divisor,
      student: distillation,
      teacher: taught,
      temperature: options.temperature,
      dStudent: dDistillation,
    });
    note("soft", divisor);
  }
  const gradients: HeadGradients = {};
  if (uses("feature")) {
    gradients.dTokens = recordFeatureLoss(program, {
      ...common("feature"),
      student: args.model,
      tokens: student.activations.tokens,
      teachers: teachers.map(({ tokens }) => known(tokens)),
      batch: rows,
      align: options.featureAlign,
      gradients: args.gradients,
      optimizer: args.optimizer,
    });
    note("feature");
  }
  if (uses("attention")) {
    const { map } = known(student.activations.classAttention);
    gradients.dClassAttention = program.scratch(map.shape);
    distillKl(program, {
      ...common("attention"),
      student: map,
      teacher: combined(
        args,
        teachers.map(({ attention }) => known(attention)),
        "mean",
      ),
      temperature: 1,
      dStudent: gradients.dClassAttention,
    });
    note("attention");
  }
  program.release(loss);
  if (dLogits.value) gradients.dLogits = dLogits.value;
  if (dDistillation !== dLogits && dDistillation.value) {
    gradients.dDistillationLogits = dDistillation.value;
  }
  return gradients;

  /** The teachers' predictions as one. */
  function combined(
    { step: { program } }: DistillLossArgs,
    models: readonly Tensor[],
    kind = options.combine,
  ): Tensor {
    const [first] = models;
    if (first === undefined) throw new Error("Cannot record without a teacher");
    if (models.length === 1) return first;
    const output = program.scratch(first.shape);
    combineLogits(program, { models, kind, output });
    return output;
  }
}

/** Soft distillation; a temperature that changes divides the logits beforehand. */
function recordSoft(
  { step: { program }, schedule: { cooling } }: DistillLossArgs,
  args: {
    student: Tensor;
    teacher: Tensor;
    rowWeights: Tensor;
    scale: number;
    temperature: number;
    loss: Tensor;
    dStudent: GradientSum;
  },
): void {
  const { student, teacher, dStudent, ...rest } = args;
  if (cooling === undefined) {
    distillKl(program, {
      ...rest,
      student,
      teacher,
      dStudent: dStudent.tensor,
      accumulate: dStudent.next(),
    });
    return;
  }
  const [cooled, cooledTeacher, dCooled] = [
    program.scratch(student.shape),
    program.scratch(student.shape),
    program.scratch(student.shape),
  ];
  scaleBy(program, { input: student, output: cooled, factor: cooling });
  scaleBy(program, { input: teacher, output: cooledTeacher, factor: cooling });
  distillKl(program, {
    ...rest,
    student: cooled,
    teacher: cooledTeacher,
    temperature: 1,
    dStudent: dCooled,
  });
  scaleBy(program, {
    input: dCooled,
    output: dStudent.tensor,
    factor: cooling,
    accumulate: dStudent.next(),
  });
  program.release(cooled, cooledTeacher, dCooled);
}

function known<T>(value: T | undefined): T {
  if (value === undefined) {
    throw new Error("Cannot record a loss without what it compares");
  }
  return value;
}
