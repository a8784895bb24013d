import { DISTILL_LOSSES, type DistillLoss, usesLoss } from "../config/mod.ts";
import { Sampler } from "../data/mod.ts";
import type { Tensor } from "../gpu/mod.ts";
import {
  headsBackward,
  headsForward,
  type Vit,
  vitBackward,
  vitForward,
} from "../model/mod.ts";
import { copyRows } from "../ops/mod.ts";
import { PatchInput, splitRows } from "../training/mod.ts";
import { type Context, STREAMS } from "./context.ts";
import { type Outputs, recordLosses } from "./distill_losses.ts";
import { DistillSchedule } from "./distill_schedule.ts";
import { PROJECTION } from "./feature_loss.ts";
import type { FrozenModel } from "./further_models.ts";
import { openLearner } from "./learner.ts";
import { RowFigures } from "./losses.ts";
import { type Recipe, recordUpdate } from "./recipe.ts";
import { cacheFigures, openTeachers, openTeachings } from "./open_teachings.ts";
import { recordRelational } from "./relational_losses.ts";
import { microBatches } from "./step_images.ts";
import { OUTPUTS, type TeacherOutputs } from "./teacher_outputs.ts";

/** Where the value of a loss is found. */
const METRIC_OF = {
  labels: "crossEntropy",
  hard: "hard",
  soft: "soft",
  feature: "feature",
  attention: "attention",
  relationalDistance: "relationalDistance",
  relationalAngle: "relationalAngle",
} as const;

/** The student learns from frozen teachers on labelled and unlabelled images. */
export async function distillRecipe(
  context: Context,
  student: Vit,
  teachers: readonly FrozenModel[],
): Promise<Recipe> {
  const { device, config, split } = context;
  const options = config.phases.distill;
  const { globalBatch } = config;
  const steps = Math.ceil(options.images / globalBatch);
  const uses = (loss: DistillLoss) => usesLoss(options, loss);
  const reads = { tokens: uses("feature"), attention: uses("attention") };
  const opened = await openTeachers(context, teachers, reads);
  // Outputs of cached teachers are there before the step.
  const live = opened.some(({ cache }) => !cache);
  const [first, end] = context.division.own(globalBatch);
  const size = end - first;
  const feature = config.student.feature;
  const classifies = uses("labels") || uses("hard") || uses("soft");
  const { gradients, optimizer, step, buckets } = openLearner(
    context,
    student,
    options.optimizer,
    ({ name }) => classifies || !name.startsWith("heads"),
  );
  const studentInput = new PatchInput(device, context.studentInput);
  const ranges = splitRows(size, context.microBatch);
  const parts = microBatches(context, {
    phase: "distill",
    first,
    ranges,
    image: student.config.image,
  });
  const { program } = step;
  const figures = new RowFigures(step, size, ranges.length);
  const schedule = new DistillSchedule(device, options, { steps, ranges });
  const { dropPath, dropout, headDropout } = config.student;
  const relational = uses("relationalDistance") || uses("relationalAngle");
  const perImage = uses("hard") || uses("soft") || uses("feature") ||
    uses("attention");
  const teachings = openTeachings(program, opened, {
    reads,
    first,
    ranges,
    globalBatch,
  });

  /** The models' outputs for a micro-batch; the teacher's where a loss asks for them. */
  const forwardRows = (
    index: number,
    { keep, withTeacher }: { keep: boolean; withTeacher: boolean },
  ): { student: Outputs; teachers: TeacherOutputs[] } => {
    const part = parts[index]!;
    const { rows } = part;
    program.section("data");
    const images = part.images.record(program);
    program.section("forward");
    const teachers = withTeacher
      ? teachings.map((teaching) => teaching.outputs(index, images))
      : [];
    const patches = studentInput.record(
      program,
      images,
      student.config,
      student.parameters.precision,
    );
    program.release(images);
    const taught = teachers.flatMap((outputs) =>
      OUTPUTS.flatMap((name) => outputs[name] ?? [])
    );
    step.endPrefix(patches, ...taught);
    const regularisation = {
      dropPath,
      dropout,
      headDropout,
      step: step.uniform.tensor,
      positions: rows.positions,
    };
    const activations = vitForward(program, student, {
      patches,
      batch: rows.size,
      keep,
      recompute: config.recompute,
      classAttention: reads.attention,
      ...(dropPath > 0 || dropout > 0 ? { regularisation } : {}),
    });
    const heads = headsForward(
      program,
      student,
      activations,
      feature,
      regularisation,
    );
    return { student: { activations, heads }, teachers };
  };

  // Relational losses need the features of all images before any gradient: with
  // several micro-batches a forward pass of its own collects them.
  let dFeatures: Tensor | undefined;
  if (relational && ranges.length > 1) {
    const students = program.scratch([size, student.config.dim]);
    const collected = opened.map(({ teacher, cache }) =>
      cache ? undefined : program.scratch([size, teacher.model.config.dim])
    );
    ranges.forEach(({ first: outputRow, size: rows }, index) =>
      program.scope(() => {
        const out = forwardRows(index, { keep: false, withTeacher: live });
        const place = { inputRow: 0, outputRow, rows };
        copyRows(program, {
          ...place,
          input: out.student.heads.feature,
          output: students,
        });
        collected.forEach((output, i) => {
          if (output === undefined) return;
          const input = out.teachers[i]!.feature;
          copyRows(program, { ...place, input, output });
        });
      })
    );
    dFeatures = program.scratch(students.shape);
    recordRelational(context, {
      step,
      teachings,
      schedule,
      students,
      teachers: collected,
      output: dFeatures,
    });
    program.release(students);
    for (const tensor of collected) if (tensor) program.release(tensor);
  }

  const recordPass = (index: number) => {
    const { rows, images } = parts[index]!;
    const range = ranges[index]!;
    const out = forwardRows(index, {
      keep: true,
      withTeacher: perImage || (relational && dFeatures === undefined),
    });
    const { activations, heads } = out.student;
    const pass = buckets.pass(index, ranges.length);
    const losses = recordLosses(context, {
      step,
      model: student,
      batch: rows,
      mixing: images.mixing,
      schedule,
      figures,
      index,
      first: range.first,
      gradients: pass.gradients,
      optimizer,
      ...out,
    });
    if (relational) {
      losses.dFeature = program.scratch(heads.feature.shape);
      if (dFeatures === undefined) {
        recordRelational(context, {
          step,
          teachings,
          schedule,
          students: heads.feature,
          teachers: out.teachers.map(({ feature }) => feature),
          output: losses.dFeature,
        });
      } else {
        copyRows(program, {
          input: dFeatures,
          output: losses.dFeature,
          inputRow: range.first,
          outputRow: 0,
          rows: range.size,
        });
      }
    }

    program.section("backward");
    const scaled = optimizer.scaleLosses(program, losses);
    const dTokens = headsBackward(program, student, {
      heads,
      kind: feature,
      batch: rows.size,
      gradients: pass.gradients,
      losses: scaled,
    });
    pass.ready(PROJECTION);
    pass.ready("heads");
    vitBackward(program, student, {
      activations,
      dTokens,
      dClassAttention: scaled.dClassAttention,
      gradients: pass.gradients,
      onGradients: pass.ready,
    });
  };
  ranges.forEach((_, index) => program.scope(() => recordPass(index)));
  figures.finish();
  buckets.finish();
  program.section("update");
  await recordUpdate(context, { step, optimizer, model: student, gradients });

  const labelled = new Set(split.labelled);
  const indices = Int32Array.from([...split.labelled, ...split.unlabelled])
    .sort();
  const sampler = new Sampler(indices, config.seed, STREAMS.distill);
  const chosen = new Uint32Array(globalBatch);
  const following = new Uint32Array(globalBatch);
  return {
    phase: "distill",
    steps,
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
    async prepare(index) {
      for (let i = 0; i < globalBatch; i++) {
        chosen[i] = sampler.at(index * globalBatch + i);
        following[i] = sampler.at((index + 1) * globalBatch + i);
      }
      for (const part of parts) {
        part.images.write(
          index,
          (position) => chosen[position]!,
          (image) =>
            labelled.has(image) ? schedule.factorAt("labels", index) : 0,
        );
      }
      schedule.write(index);
      for (const teaching of teachings) {
        await teaching.prepare(chosen, following);
      }
    },
    loss: (metrics) =>
      DISTILL_LOSSES.reduce(
        (sum, loss) =>
          sum + schedule.scale(loss) * metrics.get(METRIC_OF[loss]),
        0,
      ),
    figures: (metrics) => ({
      loss_labels: metrics.get("crossEntropy"),
      loss_hard: metrics.get("hard"),
      loss_soft: metrics.get("soft"),
      loss_feature: metrics.get("feature"),
      loss_attention: metrics.get("attention"),
      loss_relational_distance: metrics.get("relationalDistance"),
      loss_relational_angle: metrics.get("relationalAngle"),
    }),
    isShipped: (name) => !name.startsWith(PROJECTION),
    conclude: () => Promise.resolve(cacheFigures(opened)),
    save: () => ({}),
    restore: () => {},
    [Symbol.dispose]() {
      step[Symbol.dispose]();
      for (const part of parts) part[Symbol.dispose]();
      studentInput[Symbol.dispose]();
      for (const teaching of teachings) teaching[Symbol.dispose]();
      schedule[Symbol.dispose]();
      optimizer[Symbol.dispose]();
      gradients[Symbol.dispose]();
    },
  };
}
