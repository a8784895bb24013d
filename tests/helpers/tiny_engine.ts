import { type Config, parseConfig } from "../../src/config/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import type { KernelForm } from "../../src/gpu/mod.ts";
import {
  openEngine,
  type PhaseName,
  type PhaseOutcome,
} from "../../src/phases/mod.ts";
import { type Communicator, soloCommunicator } from "../../src/training/mod.ts";
import { linkRanks } from "./linked_ranks.ts";

/** A model and phases small enough for a second each on a CPU adapter. */
const TINY: Record<string, unknown> = {
  seed: 3,
  globalBatch: 24,
  data: {
    kind: "cifar10",
    labelsPerClass: 4,
    validationPerClass: 3,
    padding: 2,
  },
  teacher: { patch: 8, dim: 32, depth: 1, heads: 2 },
  student: { patch: 8, dim: 36, depth: 1, heads: 3 },
  checkpoint: { everySteps: 1000, keep: 2 },
  checksum: { everySteps: 5 },
  // Models of a few steps may start, and are as good as chance.
  phases: { selfTrain: { guard: { startAccuracy: 0, window: 1000 } } },
};

/** The phases of a run that trains one teacher. */
export const PHASES = [
  "teacher",
  "distill",
  "classify",
  "selfTrain",
  "baseline",
] as const satisfies readonly PhaseName[];

/** The configuration of {@linkcode runTiny}. */
export function tinyConfig(
  data: string,
  changes: Record<string, unknown> = {},
): Config {
  return parseConfig(merge(merge(TINY, changes), { data: { path: data } }));
}

/** One rank's part of a run in this process. */
export interface TinyRun {
  outcomes: PhaseOutcome[];
  /** Lines of `metrics.jsonl`, rank 0's. */
  metrics: Record<string, unknown>[];
  /** What the ranks warned of. */
  warnings: string[];
}

/** How {@linkcode openTiny} opens engines. */
export interface TinyOptions {
  ranks: number;
  folder: string;
  data: string;
  config?: Record<string, unknown>;
  /** Of the kernels of each rank; default: all alike. */
  forms?: readonly KernelForm[];
  /** Default: `cache` beside `folder`. */
  cacheFolder?: string;
}

/** Engines of one run in this process, joined in memory. */
export interface TinyEngines {
  run(
    phases: readonly PhaseName[],
    options?: {
      /** Asks to stop after this many calls on rank 0. */
      stopAfter?: number | undefined;
      /** Changes of the configuration, for this call alone, that leave the data alone. */
      config?: Record<string, unknown>;
    },
  ): Promise<TinyRun>;
  close(): Promise<void>;
}

/** Opens `ranks` engines; opening them, and their kernels, takes longer than tiny phases. */
export async function openTiny(options: TinyOptions): Promise<TinyEngines> {
  const { ranks, folder, data } = options;
  // Engines keep the object, and read it when a phase begins.
  const config = tinyConfig(data, options.config);
  await Deno.mkdir(folder, { recursive: true });
  const world = linkRanks(ranks);
  const communicators: readonly Communicator[] = ranks === 1
    ? [soloCommunicator()]
    : world.links;
  let asked = 0;
  let stopAfter: number | undefined;
  let warnings: string[] = [];
  const engines = await Promise.all(
    communicators.map((communicator, rank) =>
      openEngine({
        env: realEnv,
        config,
        communicator,
        runFolder: folder,
        cacheFolder: options.cacheFolder ?? `${folder}/../cache`,
        // Measuring it would open two more devices for each engine.
        form: options.forms?.[rank] ?? "register",
        stopRequested: () =>
          rank === 0 && stopAfter !== undefined && ++asked >= stopAfter,
        onProgress: () => {},
        onStep: () => {},
        log: (level, message) => {
          if (level === "warn") warnings.push(message);
        },
      })
    ),
  );
  return {
    async run(phases, call = {}) {
      const changed = merge(options.config ?? {}, call.config ?? {});
      Object.assign(config, tinyConfig(data, changed));
      asked = 0;
      stopAfter = call.stopAfter;
      warnings = [];
      const outcomes = await Promise.all(engines.map(async (engine) => {
        const results: PhaseOutcome[] = [];
        for (const phase of phases) {
          const outcome = await engine.runPhase(phase);
          results.push(outcome);
          if (outcome.state === "stopped") break;
        }
        return results;
      }));
      const text = await Deno.readTextFile(`${folder}/metrics.jsonl`)
        .catch(() => "");
      return {
        outcomes: outcomes[0]!,
        warnings,
        metrics: text.split("\n").filter(Boolean)
          .map((line) => JSON.parse(line)),
      };
    },
    async close() {
      for (const engine of engines) engine[Symbol.dispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

/** Runs phases on engines that are opened for it. */
export async function runTiny(
  { phases, stopAfter, ...options }: TinyOptions & {
    phases: readonly PhaseName[];
    stopAfter?: number;
  },
): Promise<TinyRun> {
  const engines = await openTiny(options);
  try {
    return await engines.run(phases, { stopAfter });
  } finally {
    await engines.close();
  }
}

type Json = Record<string, unknown>;

function merge(base: Json, change: Json): Json {
  const result: Json = { ...base };
  for (const [key, value] of Object.entries(change)) {
    const old = result[key];
    result[key] = isObject(old) && isObject(value) ? merge(old, value) : value;
  }
  return result;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
