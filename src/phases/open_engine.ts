import { Device } from "../gpu/mod.ts";
import { loadSplitData, splitToJson } from "../data/mod.ts";
import { ConfigError, EnvironmentError } from "../env/mod.ts";
import { ImageStore } from "../ops/mod.ts";
import type { Context } from "./context.ts";
import type { Engine, EngineOptions, PhaseName } from "./engine.ts";
import { agreeOnForm } from "./kernel_form.ts";
import { normalisationOf } from "./normalisation.ts";
import { goOnWithout } from "./regroup.ts";
import { runPhase } from "./run_phase.ts";

/** Opens the GPU, loads and splits the data and uploads it. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { config } = options;
  const form = options.form ?? await agreeOnForm(options);
  const device = await Device.open({ form });
  try {
    if (!await device.checkReadback()) {
      throw new EnvironmentError(
        `Cannot use ${device.adapter.name}: a buffer read back does not hold what was written`,
        { hint: "sh cluster/run.sh doctor" },
      );
    }
    if (config.precision === "f16" && !device.hasF16) {
      throw new EnvironmentError(
        `Cannot train with precision f16 on ${device.adapter.name}: it has no shader-f16`,
        { hint: "set precision=f32" },
      );
    }
    const context = await loadContext(options, device);
    return {
      adapter: device.adapter,
      form: device.form,
      dataHash: context.dataHash,
      runPhase: (name: PhaseName) => runPhase(context, name),
      async rejoin() {
        context.communicator = await goOnWithout(context, undefined);
      },
      [Symbol.dispose]: () => device[Symbol.dispose](),
    };
  } catch (error) {
    device[Symbol.dispose]();
    throw error;
  }
}

/** Loads and splits the data and uploads it. */
export async function loadContext(
  options: EngineOptions,
  device: Device,
): Promise<Context> {
  const { config, env, log } = options;
  const saved = `${options.runFolder}/split.json`;
  const { data, dataHash, split, fresh } = await loadSplitData(
    env.disk,
    {
      ...config.data,
      seed: config.seed,
      log: (message) => log("warn", message),
    },
    saved,
  );
  if (fresh && options.communicator.rank === 0 && !device.dry) {
    await env.disk.write(saved, splitToJson(split, dataHash));
  }
  if (config.phases.selfTrain.enabled && split.unlabelled.length === 0) {
    throw new ConfigError(
      `Cannot self-train on ${data.name}: all ${data.train.count} training images have labels or are held back for validation`,
      {
        hint:
          "set data.labelsPerClass, add an unlabelled/ folder, or phases.selfTrain.enabled=false",
      },
    );
  }
  log("info", "data is ready", {
    name: data.name,
    classes: data.classNames.length,
    labelled: split.labelled.length,
    unlabelled: split.unlabelled.length,
    validation: split.validation.length,
    test: split.test.length,
  });
  return {
    ...options,
    device,
    data,
    dataHash,
    split,
    trainStore: ImageStore.create(device, data.train),
    testStore: ImageStore.create(device, data.test),
    microBatch: config.microBatch,
    studentInput: normalisationOf(config.data.normalise, data, split),
    teacherInput: normalisationOf(
      config.teacher.normalise ?? config.data.normalise,
      data,
      split,
    ),
  };
}
