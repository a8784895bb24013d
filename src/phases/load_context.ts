import { loadSplitData, saveSplit, type SplitData } from "../data/mod.ts";
import { ConfigError } from "../env/mod.ts";
import type { Device } from "../gpu/mod.ts";
import { ImageStore } from "../ops/mod.ts";
import { RunFolder } from "../run/mod.ts";
import { Division, Leftovers } from "../training/mod.ts";
import { checkTask } from "./check_task.ts";
import type { Context } from "./context.ts";
import { cutEdges } from "./cut_edges.ts";
import type { EngineOptions } from "./engine.ts";
import { normalisationOf } from "./normalisation.ts";

/** Loads the images, split as the run folder says, or anew where there is none. */
export function loadImages(
  { config, env, runFolder, log }:
    & Pick<EngineOptions, "config" | "env" | "log">
    & { runFolder?: string },
): Promise<SplitData> {
  return loadSplitData(
    env.disk,
    {
      ...config.data,
      seed: config.seed,
      log: (message) => log("warn", message),
    },
    runFolder,
  );
}

/** Uploads the images and keeps how they were split, unless nothing is computed. */
export async function loadContext(
  options: EngineOptions,
  device: Device,
  splitData: SplitData,
): Promise<Context> {
  const { config, env, log, runFolder } = options;
  const { data, dataHash, split, byHand, fresh } = splitData;
  if (!device.dry) {
    await checkTaken(options, dataHash);
    if (fresh && options.communicator.rank === 0) {
      await saveSplit(env.disk, runFolder, splitData);
    }
  }
  const { name, classNames } = data;
  checkTask(config, { name, classNames, split });
  for (const message of cutEdges(config, data)) log("warn", message);
  log("info", "data is ready", {
    name,
    classes: classNames.length,
    labelled: split.labelled.length,
    byHand: byHand.size,
    unlabelled: split.unlabelled.length,
    validation: split.validation.length,
    test: split.test.length,
  });
  return {
    ...options,
    device,
    division: Division.even(options.communicator),
    data,
    dataHash,
    split,
    trainStore: ImageStore.create(device, data.train),
    testStore: ImageStore.create(device, data.test),
    microBatch: config.microBatch,
    mostRows: Math.ceil(config.globalBatch / options.communicator.size),
    leftovers: new Leftovers(),
    studentInput: normalisationOf(config.data.normalise, data, split),
    teacherInput: normalisationOf(
      config.teacher.normalise ?? config.data.normalise,
      data,
      split,
    ),
  };
}

/** Phases of another run are of use on the same images only. */
async function checkTaken(
  { env, runFolder }: EngineOptions,
  dataHash: string,
): Promise<void> {
  const taken = await new RunFolder(env.disk, runFolder).readJson("taken.json");
  if (taken === undefined || taken.dataHash === dataHash) return;
  throw new ConfigError(
    `Cannot go on in ${runFolder}: phases were taken from a run on other images than data.path has now`,
    { hint: "start a new run without --phases-from" },
  );
}
