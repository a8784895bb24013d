import { fileURLToPath } from "node:url";
import { type Config, loadConfig, parseConfig } from "../../src/config/mod.ts";
import { ConfigError, type Disk, type Env } from "../../src/env/mod.ts";
import { RunFolder } from "../../src/run/mod.ts";

/** What the command line says about configuration and run folder. */
export interface RunRequest {
  /** File of the configuration; left out, the default one. */
  path?: string;
  overrides: readonly string[];
  /** `--run-dir` */
  folder?: string;
  /** `--resume`: `auto` or a run folder. */
  resume?: string;
  /** `--fast-dev-run` */
  fastSteps?: number;
}

/** The run to start or to go on with. */
export interface RunChoice {
  folder: string;
  config: Config;
  resumed: boolean;
}

const DEFAULT_CONFIG = new URL("../../configs/default.json", import.meta.url);
const RUNS = "runs";
const PHASES = [
  "teacher",
  "distill",
  "classify",
  "selfTrain",
  "baseline",
] as const;

/** Decides which folder a run lives in; makes nothing yet. */
export async function chooseRun(
  env: Env,
  request: RunRequest,
): Promise<RunChoice> {
  const { disk } = env;
  const { folder, resume } = request;
  if (resume !== undefined && resume !== "auto") {
    if (folder !== undefined) {
      throw new ConfigError(
        "Cannot use --resume DIR with --run-dir: the run stays in its folder",
      );
    }
    return await resumeRun(disk, trim(resume), request);
  }
  if (folder !== undefined) {
    const path = trim(folder);
    if (await disk.stat(`${path}/config.json`)) {
      if (resume === "auto") return await resumeRun(disk, path, request);
      throw new ConfigError(`Cannot start in ${path}: it holds a run`, {
        hint: "add --resume auto to go on with it, or give another --run-dir",
      });
    }
    return {
      folder: path,
      config: await requestedConfig(disk, request),
      resumed: false,
    };
  }
  const config = await requestedConfig(disk, request);
  if (resume === "auto") {
    const found = await newestUnfinished(disk, config);
    if (found !== undefined) return await resumeRun(disk, found, request);
  }
  return { folder: await freeFolder(env, config.name), config, resumed: false };
}

function trim(path: string): string {
  return path.replace(/(?<=.)\/+$/, "");
}

/** The configuration that the command line asks for. */
export async function requestedConfig(
  disk: Disk,
  { path, overrides, fastSteps }: RunRequest,
): Promise<Config> {
  const file = path ?? fileURLToPath(DEFAULT_CONFIG);
  const config = await loadConfig(disk, file, overrides);
  if (fastSteps === undefined) return config;
  if (fastSteps < 1) {
    throw new ConfigError("Cannot use --fast-dev-run 0: at least 1 step");
  }
  const images = fastSteps * config.globalBatch;
  const tests = config.data.testPerClass;
  return await loadConfig(disk, file, [
    ...overrides,
    ...PHASES.map((phase) => `phases.${phase}.images=${images}`),
    `data.testPerClass=${tests > 0 ? Math.min(tests, 20) : 20}`,
  ]);
}

async function resumeRun(
  disk: Disk,
  folder: string,
  request: RunRequest,
): Promise<RunChoice> {
  const run = await RunFolder.open(disk, folder);
  const stored = parseConfig(
    await run.readJson("config.json"),
    `${folder}/config.json`,
  );
  // Without CONFIG, the run's own configuration is what is asked for.
  const { path = `${folder}/config.json`, overrides, fastSteps } = request;
  const config = await requestedConfig(disk, { ...request, path });
  const changed = differences(stored, config).filter((key) => key !== "ranks");
  if (changed.length > 0) {
    const asked = [
      ...(request.path === undefined ? [] : ["CONFIG"]),
      ...(overrides.length === 0 ? [] : ["overrides"]),
      ...(fastSteps === undefined ? [] : ["--fast-dev-run"]),
    ];
    throw new ConfigError(
      `Cannot go on with ${folder}: its configuration differs in ${
        changed.slice(0, 5).join(", ")
      }${changed.length > 5 ? ` and ${changed.length - 5} more` : ""}`,
      { hint: `resume without ${asked.join(" and ")}, or start a new run` },
    );
  }
  return { folder, config, resumed: true };
}

/** Keys whose values differ, as `a.b`. */
export function differences(a: unknown, b: unknown, path = ""): string[] {
  if (Object(a) !== a || Object(b) !== b) {
    return Object.is(a, b) ? [] : [path];
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].flatMap((key) =>
    differences(left[key], right[key], path === "" ? key : `${path}.${key}`)
  );
}

/** The newest run with the same configuration that has phases left. */
async function newestUnfinished(
  disk: Disk,
  config: Config,
): Promise<string | undefined> {
  if (!await disk.stat(RUNS)) return undefined;
  const entries = await disk.list(RUNS);
  for (const { name } of entries.reverse()) {
    const folder = `${RUNS}/${name}`;
    if (!await disk.stat(`${folder}/config.json`)) continue;
    const run = new RunFolder(disk, folder);
    const stored = await run.readJson("config.json").catch(() => undefined);
    const { state } = await run.readJson("run.json").catch(() => undefined) ??
      {};
    if (state === "done" || stored === undefined) continue;
    const changed = differences(stored, config);
    if (changed.every((key) => key === "ranks")) return folder;
  }
  return undefined;
}

/** `runs/2026-11-24-1412-name`, with a number when that is taken. */
async function freeFolder({ clock, disk }: Env, name: string): Promise<string> {
  const local = new Date(clock.wall());
  const two = (value: number) => String(value).padStart(2, "0");
  const time = `${local.getFullYear()}-${two(local.getMonth() + 1)}-${
    two(local.getDate())
  }-${two(local.getHours())}${two(local.getMinutes())}`;
  const base = `${RUNS}/${time}-${name}`;
  let path = base;
  for (let n = 2; await disk.stat(path); n++) path = `${base}-${n}`;
  return path;
}
