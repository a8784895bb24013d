import { Device } from "../gpu/mod.ts";
import {
  type DataSet,
  loadSplitData,
  type Split,
  splitToJson,
} from "../data/mod.ts";
import { ConfigError, EnvironmentError } from "../env/mod.ts";
import { ImageStore } from "../ops/mod.ts";
import { CONSTANTS, type Normalisation } from "../training/mod.ts";
import type { Context } from "./context.ts";
import type { Engine, EngineOptions, PhaseName } from "./engine.ts";
import { agreeOnForm } from "./kernel_form.ts";
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

function normalisationOf(
  name: "imagenet" | "half" | "dataset" | "image",
  data: DataSet,
  split: Split,
): Normalisation {
  if (name === "image") return { kind: "image" };
  if (name !== "dataset") return CONSTANTS[name];
  const { pixels, channels, height, width } = data.train;
  const size = height * width;
  const sums = new Float64Array(3);
  const squares = new Float64Array(3);
  let count = 0;
  for (const index of [...split.labelled, ...split.unlabelled]) {
    for (let c = 0; c < channels; c++) {
      const start = (index * channels + c) * size;
      for (let i = start; i < start + size; i++) {
        const value = pixels[i]! / 255;
        sums[c]! += value;
        squares[c]! += value * value;
      }
    }
    count += size;
  }
  // Gray images become three equal channels.
  const mean = Array.from(
    { length: 3 },
    (_, c) => sums[channels === 1 ? 0 : c]! / count,
  );
  const deviation = mean.map((m, c) =>
    Math.max(
      1e-3,
      Math.sqrt(squares[channels === 1 ? 0 : c]! / count - m * m),
    )
  );
  return { kind: "constant", mean, deviation };
}
