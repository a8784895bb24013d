import { LinkCommunicator } from "../../cluster/communicator/mod.ts";
import { MemoryNetwork } from "../../cluster/links/mod.ts";
import { type Config, parseConfig } from "../../src/config/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import type { KernelForm } from "../../src/gpu/mod.ts";
import {
  openEngine,
  type PhaseName,
  type PhaseOutcome,
} from "../../src/phases/mod.ts";
import { type Communicator, soloCommunicator } from "../../src/training/mod.ts";

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

/** Runs phases on `ranks` engines in this process, joined in memory. */
export async function runTiny(
  options: {
    ranks: number;
    folder: string;
    data: string;
    phases: readonly PhaseName[];
    config?: Record<string, unknown>;
    /** Asks to stop after this many calls on rank 0. */
    stopAfter?: number;
    /** Of the kernels of each rank; default: all alike. */
    forms?: readonly KernelForm[];
    /** Default: `cache` beside `folder`. */
    cacheFolder?: string;
  },
): Promise<TinyRun> {
  const { ranks, folder, data, phases } = options;
  const config = tinyConfig(data, options.config);
  await Deno.mkdir(folder, { recursive: true });
  const network = new MemoryNetwork({ size: ranks, timers: realEnv.timers });
  const communicators: (Communicator & { close?: () => Promise<void> })[] =
    ranks === 1 ? [soloCommunicator()] : Array.from(
      { length: ranks },
      (_, rank) =>
        new LinkCommunicator({
          link: network.link(rank),
          world: { run: 1, generation: 1 },
          env: realEnv,
          warnAfterMs: 60_000,
          deadlineMs: 120_000,
          onWarning: () => {},
        }),
    );
  let asked = 0;
  const warnings: string[] = [];
  const outcomes = await Promise.all(
    communicators.map(async (communicator, rank) => {
      using engine = await openEngine({
        env: realEnv,
        config,
        communicator,
        runFolder: folder,
        cacheFolder: options.cacheFolder ?? `${folder}/../cache`,
        // Measuring it would open two more devices for each engine.
        form: options.forms?.[rank] ?? "register",
        stopRequested: () =>
          rank === 0 && options.stopAfter !== undefined &&
          ++asked >= options.stopAfter,
        onProgress: () => {},
        onStep: () => {},
        log: (level, message) => {
          if (level === "warn") warnings.push(message);
        },
      });
      const results: PhaseOutcome[] = [];
      for (const phase of phases) {
        const outcome = await engine.runPhase(phase);
        results.push(outcome);
        if (outcome.state === "stopped") break;
      }
      return results;
    }),
  );
  for (const communicator of communicators) await communicator.close?.();
  network.close();
  const text = await Deno.readTextFile(`${folder}/metrics.jsonl`).catch(() =>
    ""
  );
  return {
    outcomes: outcomes[0]!,
    warnings,
    metrics: text.split("\n").filter(Boolean).map((line) => JSON.parse(line)),
  };
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
