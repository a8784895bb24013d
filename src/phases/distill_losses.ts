import type { Mixing } from "../augment/mod.ts";
import type { Tensor } from "../gpu/mod.ts";
import type {
  HeadActivations,
  HeadGradients,
  VitActivations,
} from "../model/mod.ts";
import {
  argmaxRows,
  copyRows,
  crossEntropy,
  distillKl,
  featureMse,
  relationalAngle,
  relationalDistance,
  softCrossEntropy,
} from "../ops/mod.ts";
import { type Batch, shareOffsets, type StepProgram } from "../training/mod.ts";
import type { Context } from "./context.ts";
import { asF32, GradientSum, recordSum, type RowFigures } from "./losses.ts";
import type { TeacherOutputs } from "./teacher_outputs.ts";
import type { Teaching } from "./teaching.ts";

/** A model's outputs for a batch. */
export interface Outputs {
  activations: VitActivations;
  heads: HeadActivations;
}

/** Records every loss on single images and returns the gradients for the student's outputs. */
export function recordLosses(
  context: Context,
  args: {
    step: StepProgram;
    batch: Batch;
    mixing: Mixing | undefined;
    everyRow: Tensor;
    student: Outputs;
    /** Absent when no loss here needs it. */
    teacher: TeacherOutputs | undefined;
    figures: RowFigures;
    /** First row of the micro-batch in the rank's share. */
    first: number;
  },
): HeadGradients {
  const { step, batch, mixing, everyRow, student, figures, first } = args;
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
  const teacher = () => {
    if (args.teacher !== undefined) return args.teacher;
    throw new Error("Cannot record a loss without the teacher's outputs");
  };

  if (options.labels > 0) {
    const common = {
      logits,
      scale: options.labels / globalBatch,
      loss,
      dLogits: dLogits.tensor,
      accumulate: dLogits.next(),
    };
    if (mixing) {
      // Its targets already leave out unknown labels.
      const targets = mixing.recordTargets(program, { classes, smoothing: 0 });
      softCrossEntropy(program, { ...common, targets, rowWeights: everyRow });
      program.release(targets);
    } else {
      crossEntropy(program, {
        ...common,
        labels: batch.labels,
        rowWeights: batch.weights,
        smoothing: 0,
      });
    }
    figures.add("crossEntropy", loss, first, 1 / globalBatch);
  }
  if (options.hard > 0) {
    const labels = program.scratch([rows], "u32");
    argmaxRows(program, { logits: teacher().logits, labels });
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
    figures.add("hard", loss, first, 1 / globalBatch);
  }
  if (options.soft > 0) {
    const divisor = options.softDivisor === "numel"
      ? globalBatch * classes
      : globalBatch;
    distillKl(program, {
      student: distillation,
      teacher: teacher().logits,
      rowWeights: everyRow,
      temperature: options.temperature,
      scale: options.soft / divisor,
      loss,
      dStudent: dDistillation.tensor,
      accumulate: dDistillation.next(),
    });
    figures.add("soft", loss, first, 1 / divisor);
  }
  const gradients: HeadGradients = {};
  if (options.feature > 0) {
    const { tokens } = teacher();
    if (tokens === undefined) {
      throw new Error("Cannot record a loss without the teacher's tokens");
    }
    // Its gradient is far below what f16 holds before the loss is scaled.
    const own = asF32(program, student.activations.tokens);
    const dTokens = program.scratch(own.shape);
    featureMse(program, {
      student: own,
      // Cached tokens are f32, with the values that f16 ones have.
      teacher: asF32(program, tokens),
      batch: rows,
      rowWeights: everyRow,
      scale: options.feature / globalBatch,
      loss,
      dStudent: dTokens,
    });
    figures.add("feature", loss, first, 1 / globalBatch);
    gradients.dTokens = dTokens;
  }
  program.release(loss);
  if (dLogits.value) gradients.dLogits = dLogits.value;
  if (dDistillation !== dLogits && dDistillation.value) {
    gradients.dDistillationLogits = dDistillation.value;
  }
  return gradients;
}

/**
 * Records the relational losses on the features of all ranks and the gradient
 * for this rank's own. Every rank computes the whole loss; rank 0 alone counts
 * its value.
 */
export function recordRelational(
  { config, communicator }: Context,
  { step, teaching, students, teachers, output }: {
    step: StepProgram;
    teaching: Teaching;
    /** Features of this rank's images, `[rows, dim]`. */
    students: Tensor;
    teachers: Tensor | undefined;
    /** As `students`. */
    output: Tensor;
  },
): void {
  const { relationalDistance: distance, relationalAngle: angle } =
    config.phases.distill;
  const { program } = step;
  const { rank, size } = communicator;
  const offsets = shareOffsets(config.globalBatch, size);
  const studentRows = step.gather(students, offsets);
  const teacherRows = teaching.allFeatures(step, teachers, offsets);
  const sum = new GradientSum(
    step.distributed ? program.scratch(studentRows.shape) : output,
  );
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
  if (!step.distributed) return;
  copyRows(program, {
    input: sum.tensor,
    output,
    inputRow: offsets[rank]!,
    outputRow: 0,
    rows: output.shape[0]!,
  });
  program.release(sum.tensor, studentRows);
}
