import { augmentOf, isRandom, mixes, weakPolicy } from "../augment/mod.ts";
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
import { copyRows } from "../ops/mod.ts";
import {
  Optimizer,
  PatchInput,
  shareOf,
  splitRows,
  StepProgram,
} from "../training/mod.ts";
import { type Context, STREAMS } from "./context.ts";
import {
  type Outputs,
  recordLosses,
  recordRelational,
} from "./distill_losses.ts";
import { RowFigures } from "./losses.ts";
import { GradientBuckets, type Recipe } from "./recipe.ts";
import { microBatches } from "./step_images.ts";
import { TeacherCache } from "./teacher_cache.ts";
import type { TeacherOutputs } from "./teacher_outputs.ts";
import { CachedTeaching, LiveTeaching, type Teaching } from "./teaching.ts";

/** The student learns from the frozen teacher on labelled and unlabelled images. */
export async function distillRecipe(
  context: Context,
  student: Vit,
  teacher: Vit,
): Promise<Recipe> {
  const cache = await openCache(context, teacher);
  const { device, communicator, config, env, split } = context;
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
    { ...options.optimizer, lossScale: config.lossScale, wire: config.wire },
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
  const step = new StepProgram(device, {
    communicator,
    clock: env.clock,
    wire: config.wire,
    lossScale: optimizer.lossScale?.state,
  });
  const { program } = step;
  const buckets = new GradientBuckets(step, gradients, {
    optimizer,
    bytes: config.bucketBytes,
  });
  const figures = new RowFigures(step, size, ranges.length);
  const everyRow = ranges.map(({ size }) =>
    device.tensor([size], new Float32Array(size).fill(1))
  );
  const { dropPath, dropout, headDropout } = config.student;
  const relational = options.relationalDistance + options.relationalAngle > 0;
  const perImage = options.hard + options.soft + options.feature > 0;

  const tokens = options.feature > 0;
  const teaching: Teaching = cache
    ? new CachedTeaching(device, cache, { first, ranges, globalBatch })
    : new LiveTeaching(context, teacher, { program, tokens });

  /** The models' outputs for a micro-batch; the teacher's where a loss asks for them. */
  const forwardRows = (
    index: number,
    { keep, withTeacher }: { keep: boolean; withTeacher: boolean },
  ): { student: Outputs; teacher: TeacherOutputs | undefined } => {
    const part = parts[index]!;
    const { rows } = part;
    program.section("data");
    const images = part.images.record(program);
    program.section("forward");
    const teacherOut = withTeacher
      ? teaching.outputs(index, images)
      : undefined;
    const patches = studentInput.record(
      program,
      images,
      student.config,
      student.parameters.precision,
    );
    program.release(images);
    step.endPrefix(patches, ...Object.values(teacherOut ?? {}));
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
      ...(dropPath > 0 || dropout > 0 ? { regularisation } : {}),
    });
    const heads = headsForward(
      program,
      student,
      activations,
      feature,
      regularisation,
    );
    return { student: { activations, heads }, teacher: teacherOut };
  };

  // Relational losses need the features of all images before any gradient: with
  // several micro-batches a forward pass of its own collects them.
  let dFeatures: Tensor | undefined;
  if (relational && ranges.length > 1) {
    const students = program.scratch([size, student.config.dim]);
    const teachers = cache
      ? undefined
      : program.scratch([size, teacher.config.dim]);
    ranges.forEach(({ first: outputRow, size: rows }, index) =>
      program.scope(() => {
        const out = forwardRows(index, { keep: false, withTeacher: !cache });
        const place = { inputRow: 0, outputRow, rows };
        copyRows(program, {
          ...place,
          input: out.student.heads.feature,
          output: students,
        });
        if (teachers === undefined) return;
        copyRows(program, {
          ...place,
          input: out.teacher!.feature,
          output: teachers,
        });
      })
    );
    dFeatures = program.scratch(students.shape);
    recordRelational(context, {
      step,
      teaching,
      students,
      teachers,
      output: dFeatures,
    });
    program.release(students);
    if (teachers) program.release(teachers);
  }

  const recordPass = (index: number) => {
    const { rows, images } = parts[index]!;
    const range = ranges[index]!;
    const out = forwardRows(index, {
      keep: true,
      withTeacher: perImage || (relational && dFeatures === undefined),
    });
    const { activations, heads } = out.student;
    const losses = recordLosses(context, {
      step,
      batch: rows,
      mixing: images.mixing,
      everyRow: everyRow[index]!,
      figures,
      first: range.first,
      ...out,
    });
    if (relational) {
      losses.dFeature = program.scratch(heads.feature.shape);
      if (dFeatures === undefined) {
        recordRelational(context, {
          step,
          teaching,
          students: heads.feature,
          teachers: out.teacher?.feature,
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
    const pass = buckets.pass(index, ranges.length);
    const dTokens = headsBackward(program, student, {
      heads,
      kind: feature,
      batch: rows.size,
      gradients: pass.gradients,
      losses: optimizer.scaleLosses(program, losses),
    });
    pass.ready("heads");
    vitBackward(program, student, {
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
  optimizer.record(program, student.parameters, gradients, step.uniform.tensor);
  await step.finish(optimizer.norm);

  const labelled = new Set(split.labelled);
  const indices = Int32Array.from([...split.labelled, ...split.unlabelled])
    .sort();
  const sampler = new Sampler(indices, config.seed, STREAMS.distill);
  const chosen = new Uint32Array(globalBatch);
  const following = new Uint32Array(globalBatch);
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
    async prepare(index) {
      for (let i = 0; i < globalBatch; i++) {
        chosen[i] = sampler.at(index * globalBatch + i);
        following[i] = sampler.at((index + 1) * globalBatch + i);
      }
      for (const part of parts) {
        part.images.write(
          index,
          (position) => chosen[position]!,
          (image) => labelled.has(image),
        );
      }
      await teaching.prepare(chosen, following);
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
    ...(cache ? { conclude: () => Promise.resolve(cacheFigures(cache)) } : {}),
    save: () => ({}),
    restore: () => {},
    [Symbol.dispose]() {
      step[Symbol.dispose]();
      for (const part of parts) part[Symbol.dispose]();
      studentInput[Symbol.dispose]();
      teaching[Symbol.dispose]();
      for (const { buffer } of everyRow) buffer.destroy();
      optimizer[Symbol.dispose]();
      gradients[Symbol.dispose]();
    },
  };
}

function cacheFigures({ figures }: TeacherCache): Record<string, number> {
  return {
    teacher_images_computed: figures.computed,
    teacher_images_cached: figures.found,
    teacher_cache_bytes: figures.bytes,
  };
}

/**
 * The teacher's outputs from disk, where every step shows an image in the same
 * view and the phase sees all images at least once.
 */
async function openCache(
  context: Context,
  teacher: Vit,
): Promise<TeacherCache | undefined> {
  const { config, split, communicator, log, onStep } = context;
  const options = config.phases.distill;
  const random = isRandom(weakPolicy(config, "distill")) ||
    mixes(augmentOf(config, "distill"));
  const images = split.labelled.length + split.unlabelled.length;
  if (options.cacheTeacher === "off") return undefined;
  if (random || options.images < images) {
    log("info", "the teacher runs in every step", {
      reason: options.images < images
        ? `the phase sees ${options.images} of ${images} images`
        : "the images are augmented",
    });
    return undefined;
  }
  const { rank, size } = communicator;
  const [first, end] = shareOf(config.globalBatch, rank, size);
  const cache = await TeacherCache.open(context, {
    teacher,
    tokens: options.feature > 0,
    batch: splitRows(end - first, context.microBatch)[0]!.size,
    onBatch: () => onStep("distill", 0),
  });
  // Its weights are not needed any more.
  if (cache) teacher.parameters[Symbol.dispose]();
  return cache;
}
