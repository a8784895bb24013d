import { usesLoss } from "../config/mod.ts";
import { ConfigError, SignetError } from "../env/mod.ts";
import type { Segment, Vit } from "../model/mod.ts";
import { loadCheckpoint } from "../run/mod.ts";
import {
  type Context,
  createModel,
  studentConfig,
  teacherConfig,
  teacherFeature,
} from "./context.ts";
import { warnUnlessConverged } from "./convergence.ts";
import { distillRecipe } from "./distill.ts";
import type { PhaseName } from "./engine.ts";
import { projectionSegments } from "./feature_loss.ts";
import { firstWeights } from "./first_weights.ts";
import { type FrozenModel, loadFurther } from "./further_models.ts";
import type { Recipe } from "./recipe.ts";
import { selfTrainRecipe } from "./self_train.ts";
import { fromTensorMap } from "./stored_values.ts";
import { supervisedRecipe } from "./supervised.ts";

/** Seeds of first weights, apart for teacher and student. */
const TEACHER_SEED = 0x7eac4e2;

type Own = (model: Vit) => Vit;

/** Builds each phase's recipe; `own` takes the models that it makes. */
export const RECIPES: Readonly<
  Record<PhaseName, (context: Context, own: Own) => Promise<Recipe>>
> = {
  async teacher(context, own) {
    const { config, split } = context;
    const options = config.phases.teacher;
    const indices = options.labels === "all"
      ? Int32Array.from([...split.labelled, ...split.unlabelled]).sort()
      : split.labelled;
    const known = indices.filter((i) => context.data.train.labels[i]! >= 0);
    const model = own(await firstTeacher(context));
    return supervisedRecipe(context, {
      phase: "teacher",
      model,
      normalisation: context.teacherInput,
      feature: teacherFeature(context),
      indices: known,
      images: options.images,
      optimizer: options.optimizer,
      schedule: options.schedule,
      labelSmoothing: options.labelSmoothing,
      frozen: false,
      dropPath: 0,
      dropout: 0,
      headDropout: 0,
    });
  },

  async distill(context, own) {
    const { phases } = context.config;
    const teacher: FrozenModel = {
      model: own(
        phases.teacher.enabled
          ? await finished(context, "teacher", teacherConfig(context))
          : await firstTeacher(context),
      ),
      normalisation: context.teacherInput,
      feature: teacherFeature(context),
    };
    const teachers = [teacher, ...await loadFurther(context, own, "teacher")];
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
        ? await finished(context, "classify", studentConfig(context))
        : await distilledStudent(context),
    );
    if (phases.classify.enabled) await warnUnlessConverged(context);
    const voters = await loadFurther(context, own, "student");
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

/** The student as distillation leaves it, or its first weights when that is off. */
function distilledStudent(context: Context): Promise<Vit> {
  return context.config.phases.distill.enabled
    ? finished(context, "distill", studentConfig(context))
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

/** The result of a finished phase. */
async function finished(
  context: Context,
  phase: PhaseName,
  config: Vit["config"],
): Promise<Vit> {
  const { env, runFolder, device } = context;
  const { precision } = context.config;
  if (device.dry) return createModel(device, config, 0, precision);
  const checkpoint = await loadCheckpoint(env.disk, runFolder, {
    phase,
    best: true,
  });
  if (checkpoint === undefined) {
    throw new SignetError(
      `Cannot start from phase ${phase}: ${runFolder} has no checkpoint of it`,
      { hint: `run with phases.${phase}.enabled=true` },
    );
  }
  const model = createModel(device, config, 0, precision);
  const values = fromTensorMap(checkpoint.parts.model);
  for (
    const { name, shape } of model.parameters.segments.flatMap((s) =>
      s.parameters
    )
  ) {
    const found = values.get(name);
    if (found === undefined || String(found.shape) !== String(shape)) {
      throw new ConfigError(
        `Cannot use checkpoint ${checkpoint.name}: ${name} is ${
          found ? `[${found.shape}]` : "missing"
        }, the configuration says [${shape}]`,
        { hint: "resume with the configuration stored in the run folder" },
      );
    }
  }
  model.parameters.writeAll(values);
  return model;
}
