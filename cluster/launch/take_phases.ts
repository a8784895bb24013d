import { type Config, parseConfig } from "../../src/config/mod.ts";
import { HAND_LABELS } from "../../src/data/mod.ts";
import { ConfigError, type Disk, type Env } from "../../src/env/mod.ts";
import type { PhaseName, PhaseSummary } from "../../src/phases/engine.ts";
import { enabledPhases, phaseInputs } from "../../src/phases/mod.ts";
import {
  bestPointer,
  checkpointsFolder,
  readMetrics,
  readPointer,
  RunFolder,
} from "../../src/run/mod.ts";
import { type Journal, readDone } from "../coordinator/mod.ts";
import { differences } from "./run_choice.ts";

/** Files of a run that are about its labels rather than about one phase. */
const OF_LABELS = ["pixel_ridge.json", "duplicates.csv"];
/** Files of a phase that do not have its name. */
const OF_SELF_TRAINING = ["pseudo_labels.csv"];

/** A run that phases may be taken from. */
export interface Donor {
  run: RunFolder;
  /** Hash of the code that it was made by. */
  code: unknown;
  /** With the text of the table of labels given by hand in the place of its path. */
  config: Config;
  done: ReadonlyMap<PhaseName, PhaseSummary>;
}

/**
 * Takes over the phases that another run of the same code has finished exactly as
 * this one would: their models, figures and files. The last phase is always left
 * to do.
 *
 * @param request.from Run folders, and folders of run folders.
 * @returns Where each phase is from.
 * @throws {ConfigError} If it is one run, and nothing can be taken from it.
 */
export async function takePhases(
  env: Env,
  { from, folder, config, code, journal }: {
    from: readonly string[];
    folder: RunFolder;
    config: Config;
    /** Hash of this code. */
    code: string;
    journal: Journal;
  },
): Promise<Map<PhaseName, string>> {
  const { disk } = env;
  const phases = enabledPhases(config);
  const known = await readDone(disk, folder.path);
  const donors: Donor[] = [];
  for (const path of from) {
    donors.push(...await findDonors(disk, path, { own: folder.path, code }));
  }
  const own = await withLabels(disk, config);
  const taken = new Map<PhaseName, string>();
  for (const phase of phases.slice(0, -1)) {
    if (known.has(phase)) continue;
    const wanted = JSON.stringify(phaseInputs(own, phase));
    const donor = donors.find((donor) =>
      donor.code === code && donor.done.has(phase) &&
      JSON.stringify(phaseInputs(donor.config, phase)) === wanted
    );
    if (donor === undefined) continue;
    await copyPhase(disk, {
      phase,
      from: donor.run,
      to: folder,
      labels: donor.config.data.labelsPerClass === config.data.labelsPerClass,
    });
    await journal.append({
      event: "phase_done",
      phase,
      // Its donor may have taken it as well.
      summary: { from: donor.run.path, ...donor.done.get(phase)! },
    });
    taken.set(phase, donor.run.path);
  }
  const only = from.length === 1 && donors[0]?.run.path === from[0]
    ? donors[0]
    : undefined;
  if (only !== undefined && taken.size === 0 && known.size === 0) {
    throw nothingTaken(only, own, code);
  }
  return taken;
}

function nothingTaken(
  donor: Donor,
  config: Config,
  code: string,
): ConfigError {
  const changed = differences(donor.config, config)
    .filter((key) => key !== "name" && key !== "ranks");
  const why = donor.code !== code
    ? "it was made by another version of the code"
    : donor.done.size === 0
    ? "it has finished none"
    : `its first phase has other settings (${changed.slice(0, 5).join(", ")})`;
  return new ConfigError(
    `Cannot take phases from ${donor.run.path}: ${why}`,
    {
      hint:
        "train without --phases-from, or give what deno task export makes of its teacher as teacher.weights",
    },
  );
}

async function findDonors(
  disk: Disk,
  from: string,
  { own, code }: { own: string; code: string },
): Promise<Donor[]> {
  if ((await disk.stat(from))?.kind !== "folder") {
    throw new ConfigError(
      `Cannot take phases from ${from}: there is no such folder`,
      { hint: "give a run folder, or a folder of them" },
    );
  }
  if (from === own) return [];
  const one = await readDonor(disk, from);
  if (one !== undefined) return [one];
  const donors: Donor[] = [];
  for (const name of await namesIn(disk, from)) {
    const path = `${from}/${name}`;
    const donor = path === own
      ? undefined
      : await readDonor(disk, path, { code });
    if (donor !== undefined) donors.push(donor);
  }
  return donors;
}

/**
 * Reads what a run has finished; undefined where there is no run.
 *
 * @param options.code Runs of other code are none: their configuration need not
 * even be one any more.
 */
export async function readDonor(
  disk: Disk,
  path: string,
  { code }: { code?: string } = {},
): Promise<Donor | undefined> {
  if (await disk.stat(`${path}/config.json`) === undefined) return undefined;
  const run = new RunFolder(disk, path);
  const { versions } = await run.readJson("run.json") ?? {};
  const { code: own } = Object(versions);
  if (code !== undefined && own !== code) return undefined;
  const config = parseConfig(
    await run.readJson("config.json"),
    `${path}/config.json`,
  );
  const table = config.data.labels === undefined
    ? undefined
    : await tableOf(disk, `${path}/${HAND_LABELS}`);
  return {
    run,
    code: own,
    config: withTable(config, table),
    done: await readDone(disk, path),
  };
}

/** The configuration of a run to be, as that of a donor is held. */
export async function withLabels(disk: Disk, config: Config): Promise<Config> {
  return withTable(config, await tableOf(disk, config.data.labels));
}

async function tableOf(
  disk: Disk,
  path: string | undefined,
): Promise<string | undefined> {
  if (path === undefined || await disk.stat(path) === undefined) return path;
  return await disk.readText(path);
}

/** The same table may lie elsewhere, and another one in its place. */
function withTable(config: Config, table: string | undefined): Config {
  return { ...config, data: { ...config.data, labels: table } };
}

/** Copies all that a run holds of a phase. */
async function copyPhase(
  disk: Disk,
  { phase, from, to, labels }: {
    phase: PhaseName;
    from: RunFolder;
    to: RunFolder;
    /** Both have the same labelled images. */
    labels: boolean;
  },
): Promise<void> {
  const checkpoint = await readPointer(disk, from.path, bestPointer(phase));
  if (checkpoint === undefined) {
    throw new ConfigError(
      `Cannot take ${phase} from ${from.path}: it has no checkpoint of it`,
    );
  }
  const copy = async (
    names: readonly string[],
    folder: (run: string) => string,
  ) => {
    for (const name of names) {
      const bytes = await disk.read(`${folder(from.path)}/${name}`);
      await disk.write(`${folder(to.path)}/${name}`, bytes);
    }
  };
  const inside = (run: string) => `${checkpointsFolder(run)}/${checkpoint}`;
  await disk.makeFolder(inside(to.path));
  await copy(await namesIn(disk, inside(from.path)), inside);
  await copy([bestPointer(phase)], checkpointsFolder);
  const stem = new RegExp(`_${phase}\\.[a-z]+$`);
  const files = (await namesIn(disk, from.path)).filter((name) =>
    stem.test(name) || (labels && OF_LABELS.includes(name)) ||
    (phase === "selfTrain" && OF_SELF_TRAINING.includes(name))
  );
  await copy(files, (run) => run);
  const { lines } = await readMetrics(disk, from.path);
  await to.completeMetrics(lines.filter((line) => line.phase === phase));
  const split = await from.readJson("split.json");
  await to.writeJson("taken.json", { dataHash: split?.dataHash });
}

async function namesIn(disk: Disk, folder: string): Promise<string[]> {
  return (await disk.list(folder)).map(({ name }) => name);
}
