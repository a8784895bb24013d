import { ConfigError, SignetError } from "../env/mod.ts";
import { describeUse, DeviceLimitError, OutOfMemoryError } from "../gpu/mod.ts";
import {
  fitWeights,
  initialValues,
  type Vit,
  vitSegments,
} from "../model/mod.ts";
import {
  type Communicator,
  largestFitting,
  shareOf,
  silentCommunicator,
} from "../training/mod.ts";
import { loadCheckpoint, readSafetensorsFile } from "../run/mod.ts";
import {
  type Context,
  createModel,
  studentConfig,
  teacherConfig,
  teacherFeature,
} from "./context.ts";
import { distillRecipe } from "./distill.ts";
import { goOnWithout } from "./regroup.ts";
import type { PhaseName, PhaseOutcome } from "./engine.ts";
import type { Recipe } from "./recipe.ts";
import { selfTrainRecipe } from "./self_train.ts";
import { fromTensorMap } from "./stored_values.ts";
import { supervisedRecipe } from "./supervised.ts";
import { TrainingLoop } from "./training_loop.ts";

/** Seeds of first weights, apart for teacher and student. */
const TEACHER_SEED = 0x7eac4e2;

/** Runs a phase; when a rank is lost, the others go on from the step in progress. */
export async function runPhase(
  context: Context,
  name: PhaseName,
): Promise<PhaseOutcome> {
  while (true) {
    const end = await runAsLongAsAllLive(context, name);
    if ("state" in end) return end;
    context.communicator = end;
  }
}

/** Builds a phase's recipe, runs it and frees its memory. */
async function runAsLongAsAllLive(
  context: Context,
  name: PhaseName,
): Promise<PhaseOutcome | Communicator> {
  const microBatch = await chooseMicroBatch(context, name);
  const { device, log } = context;
  device.memory.restart();
  try {
    const opened = await openPhase({ ...context, microBatch }, name)
      .catch((error) => goOnWithout(context, error));
    if (!("loop" in opened)) return opened;
    using phase = opened;
    device.check();
    log("info", "memory of a phase", {
      phase: name,
      bytes: device.memory.bytes,
      ...device.memory.use,
    });
    return await phase.loop.run().catch((error) =>
      goOnWithout(context, error, phase.loop)
    );
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
    const { peakBytes, atPeak } = device.memory;
    throw new OutOfMemoryError(
      `Cannot run phase ${name} on rank ${context.communicator.rank}: ${device.adapter.name} has no memory for ${
        describeUse(peakBytes, atPeak)
      }`,
      {
        hint: `set microBatch=${
          Math.max(1, Math.floor(rowsOf(context, microBatch) / 2))
        } or recompute=true; \`deno task plan\` tells what they need`,
        cause: error,
      },
    );
  }
}

/** A recipe with its models and loop, ready to run. */
export interface OpenPhase {
  readonly recipe: Recipe;
  readonly loop: TrainingLoop;
  [Symbol.dispose](): void;
}

export async function openPhase(
  context: Context,
  name: PhaseName,
): Promise<OpenPhase> {
  const models: Vit[] = [];
  const own = (model: Vit) => {
    models.push(model);
    return model;
  };
  let recipe: Recipe | undefined;
  let loop: TrainingLoop | undefined;
  const dispose = () => {
    loop?.[Symbol.dispose]();
    recipe?.[Symbol.dispose]();
    for (const { parameters } of models) parameters[Symbol.dispose]();
  };
  try {
    recipe = await RECIPES[name](context, own);
    loop = new TrainingLoop(context, recipe);
    return { recipe, loop, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/**
 * Rows that pass through the models together: as configured, or as many of the
 * rank's share as the adapter's limits allow.
 */
export async function chooseMicroBatch(
  context: Context,
  name: PhaseName,
): Promise<number> {
  const { config, communicator, device } = context;
  if (config.microBatch > 0) return config.microBatch;
  const { rank, size } = communicator;
  const share = rowsOf(context, 0);
  const quiet = { log: () => {}, communicator: silentCommunicator(rank, size) };
  try {
    const rows = await largestFitting(
      device,
      share,
      async (dry, microBatch) => {
        const trial = { ...context, ...quiet, device: dry, microBatch };
        const phase = await openPhase(trial, name);
        phase[Symbol.dispose]();
      },
    );
    if (rows === share) return 0;
    context.log("info", "the batch is split to fit the adapter's limits", {
      phase: name,
      images: share,
      micro_batch: rows,
    });
    return rows;
  } catch (error) {
    if (!(error instanceof DeviceLimitError)) throw error;
    throw new SignetError(
      `Cannot run phase ${name} on rank ${rank}: not even a micro-batch of one image fits: ${error.message}`,
      { hint: "use a smaller model or data.imageSize", cause: error },
    );
  }
}

function rowsOf({ config, communicator }: Context, microBatch: number): number {
  const { rank, size } = communicator;
  const [first, end] = shareOf(config.globalBatch, rank, size);
  return microBatch > 0 ? Math.min(microBatch, end - first) : end - first;
}

type Own = (model: Vit) => Vit;

const RECIPES: Readonly<
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
    const student = own(await firstStudent(context));
    const { phases } = context.config;
    const teacher = own(
      phases.teacher.enabled
        ? await finished(context, "teacher", teacherConfig(context))
        : await firstTeacher(context),
    );
    return await distillRecipe(context, student, teacher);
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
    return await selfTrainRecipe(context, model);
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

function firstStudent(context: Context): Promise<Vit> {
  const { config } = context;
  return firstWeights(context, {
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

/** Random first weights, or those of a timm or Hugging Face file. */
async function firstWeights(
  context: Context,
  options: {
    role: string;
    size: Vit["config"];
    weights: string | undefined;
    seed: number;
  },
): Promise<Vit> {
  const { role, size, weights, seed } = options;
  const model = createModel(
    context.device,
    size,
    seed,
    context.config.precision,
  );
  if (weights === undefined || context.device.dry) return model;
  const { env, log, communicator, runFolder } = context;
  const file = await readSafetensorsFile(env.disk, weights).catch((error) => {
    if (error instanceof SignetError) throw error;
    throw new ConfigError(
      `Cannot load ${role}.weights ${weights}: ${
        error instanceof Error ? error.message : error
      }`,
      { cause: error },
    );
  });
  const segments = vitSegments(size);
  const { values, report } = fitWeights(fromTensorMap(file.tensors), {
    config: size,
    segments,
    initial: initialValues(segments, seed),
  });
  model.parameters.writeAll(values);
  const counts: Record<string, number> = {};
  for (const { action } of report) counts[action] = (counts[action] ?? 0) + 1;
  log("info", `weights of the ${role} from ${weights}`, counts);
  if (communicator.rank === 0) {
    await env.disk.write(
      `${runFolder}/weights_${role}.csv`,
      ["name,action,detail"].concat(
        report.map(({ name, action, detail }) =>
          `${name},${action},"${detail ?? ""}"`
        ),
      ).join("\n") + "\n",
    );
  }
  return model;
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
