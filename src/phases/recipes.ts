import { usesLoss } from "../config/mod.ts";
import type { Segment, Vit } from "../model/mod.ts";
import {
  type Context,
  furtherConfig,
  studentConfig,
  teacherConfig,
  teacherFeature,
} from "./context.ts";
import { warnUnlessConverged } from "./convergence.ts";
import { distillRecipe } from "./distill.ts";
import type { PhaseName, TeacherPhase } from "./engine.ts";
import { projectionSegments } from "./feature_loss.ts";
import { finishedModel } from "./finished_model.ts";
import { firstWeights } from "./first_weights.ts";
import {
  type FrozenModel,
  inputOfTeacher,
  loadTeachers,
  loadVoters,
} from "./further_models.ts";
import type { Recipe } from "./recipe.ts";
import { selfTrainRecipe } from "./self_train.ts";
import { supervisedRecipe } from "./supervised.ts";
import { trainedTeachers } from "./teachers.ts";

/** Seeds of first weights, apart for teachers and student. */
const TEACHER_SEED = 0x7eac4e2;

type Own = (model: Vit) => Vit;

/** Builds each phase's recipe; `own` takes the models that it makes. */
export const RECIPES: Readonly<
  Record<PhaseName, (context: Context, own: Own) => Promise<Recipe>>
> = {
  async teacher(context, own) {
    const model = own(await firstTeacher(context));
    return teacherRecipe(context, "teacher", {
      model,
      normalisation: context.teacherInput,
      feature: teacherFeature(context),
    });
  },
  teacher2: (context, own) => furtherTeacherRecipe(context, "teacher2", own),
  teacher3: (context, own) => furtherTeacherRecipe(context, "teacher3", own),
  teacher4: (context, own) => furtherTeacherRecipe(context, "teacher4", own),

  async distill(context, own) {
    const { phases } = context.config;
    const teacher: FrozenModel = {
      model: own(
        phases.teacher.enabled
          ? await finishedModel(context, "teacher", teacherConfig(context))
          : await firstTeacher(context),
      ),
      normalisation: context.teacherInput,
      feature: teacherFeature(context),
    };
    const teachers = [teacher, ...await loadTeachers(context, own)];
    const projects = phases.distill.featureAlign === "projection" &&
      usesLoss(phases.distill, "feature");
    const extra = projects
      ? projectionSegments(
        studentConfig(context),
        teachers.map(({ model }) => model.config),
      )
      : [];
    const student = own(await firstStudent(context, extra));
    return await distillRecipe(context, student, teachers);
  },

  async classify(context, own) {
    const { config, split } = context;
    const options = config.phases.classify;
    const model = own(await distilledStudent(context));
    return await supervisedRecipe(context, {
      phase: "classify",
      model,
      normalisation: context.studentInput,
      feature: config.student.feature,
      indices: split.labelled,
      images: options.images,
      optimizer: options.optimizer,
      schedule: options.schedule,
      labelSmoothing: options.labelSmoothing,
      frozen: options.backbone === "frozen",
      dropPath: config.student.dropPath,
      dropout: config.student.dropout,
      headDropout: config.student.headDropout,
    });
  },

  async selfTrain(context, own) {
    const { phases } = context.config;
    const model = own(
      phases.classify.enabled
        ? await finishedModel(context, "classify", studentConfig(context))
        : await distilledStudent(context),
    );
    if (phases.classify.enabled) await warnUnlessConverged(context);
    const voters = await loadVoters(context, own);
    return await selfTrainRecipe(context, model, voters);
  },

  async baseline(context, own) {
    const { config, split } = context;
    const { baseline, classify, selfTrain } = config.phases;
    const same = (classify.enabled ? classify.images : 0) +
      (selfTrain.enabled ? selfTrain.images : 0);
    const model = own(await firstStudent(context));
    return await supervisedRecipe(context, {
      phase: "baseline",
      model,
      normalisation: context.studentInput,
      feature: config.student.feature,
      indices: split.labelled,
      images: baseline.images || same || classify.images,
      optimizer: baseline.optimizer,
      schedule: baseline.schedule,
      labelSmoothing: classify.labelSmoothing,
      frozen: false,
      dropPath: config.student.dropPath,
      dropout: config.student.dropout,
      headDropout: config.student.headDropout,
    });
  },
};

/** Trains a teacher on the labels that teachers see. */
function teacherRecipe(
  context: Context,
  phase: TeacherPhase,
  teacher: FrozenModel,
): Promise<Recipe> {
  const { config, split, data } = context;
  const { labels, images, optimizer, schedule, labelSmoothing } =
    config.phases.teacher;
  const indices = labels === "all"
    ? Int32Array.from([...split.labelled, ...split.unlabelled]).sort()
    : split.labelled;
  return supervisedRecipe(context, {
    ...teacher,
    phase,
    indices: indices.filter((i) => data.train.labels[i]! >= 0),
    images,
    optimizer,
    schedule,
    labelSmoothing,
    frozen: false,
    dropPath: 0,
    dropout: 0,
    headDropout: 0,
  });
}

/** Trains a model of `teachers`, from first weights of its own. */
async function furtherTeacherRecipe(
  context: Context,
  phase: TeacherPhase,
  own: Own,
): Promise<Recipe> {
  const { config } = context;
  const { index } = trainedTeachers(config).find((trained) =>
    trained.phase === phase
  )!;
  const further = config.teachers[index]!;
  const model = own(
    await firstWeights(context, {
      role: `teachers.${index}`,
      size: furtherConfig(context, "teacher", further),
      weights: undefined,
      seed: (config.seed ^ (TEACHER_SEED + 1 + index)) >>> 0,
    }),
  );
  return teacherRecipe(context, phase, {
    model,
    normalisation: inputOfTeacher(context, further),
    feature: config.student.feature,
  });
}

/** The student as distillation leaves it, or its first weights when that is off. */
function distilledStudent(context: Context): Promise<Vit> {
  return context.config.phases.distill.enabled
    ? finishedModel(context, "distill", studentConfig(context))
    : firstStudent(context);
}

/** @param extra Segments of layers that only the phase trains. */
function firstStudent(
  context: Context,
  extra: readonly Segment[] = [],
): Promise<Vit> {
  const { config } = context;
  return firstWeights(context, {
    extra,
    role: "student",
    size: studentConfig(context),
    weights: config.student.weights,
    seed: config.seed,
  });
}

function firstTeacher(context: Context): Promise<Vit> {
  const { config } = context;
  return firstWeights(context, {
    role: "teacher",
    size: teacherConfig(context),
    weights: config.teacher.weights,
    seed: (config.seed ^ TEACHER_SEED) >>> 0,
  });
}
