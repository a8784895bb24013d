import type { Config } from "../../src/config/mod.ts";
import type { Env } from "../../src/env/mod.ts";
import type { Plan } from "../../src/phases/mod.ts";
import {
  coresEach,
  ownCores,
  rankVariables,
  runVerb,
  temporaryFolder,
} from "../launch/mod.ts";
import { slowestOf } from "../prediction/mod.ts";

/** What {@linkcode measureSteps} measures beside the plan. */
export interface StepMeasurement {
  config: Config;
  /** Ranks that compute on the cores of this machine. */
  together: number;
  /** Of each rank beside this machine's adapter; left out, all are alike. */
  speeds?: readonly number[] | undefined;
}

/** What a step of a phase takes, without the way of what ranks send. */
export interface MeasuredStep {
  /** Milliseconds of the slowest rank alone. */
  computeMs: number;
  /** Milliseconds that it waits for others that happen to be later. */
  lateMs: number;
}

/**
 * Times steps of the ranks that take longest, without the others, by phase. Ranks
 * that will share this machine's cores do so here too: as many compute at a time.
 */
export async function measureSteps(
  env: Env,
  plan: Plan,
  { config, together, speeds }: StepMeasurement,
): Promise<Map<string, MeasuredStep>> {
  const folder = await temporaryFolder("signet-plan-");
  const speedOf = (rank: number) => speeds?.[rank] ?? 1;
  const measured = plan.shares
    .map((images, rank) => ({ rank, work: images / speedOf(rank) }))
    .sort((a, b) => b.work - a.work)
    .slice(0, together);
  const places = await ownCores(together);
  const measure = async (rank: number, cores?: string) => {
    const run = `${folder}/${rank}`;
    await env.disk.makeFolder(run);
    await env.disk.write(`${run}/config.json`, JSON.stringify(config));
    const text = await runVerb("measure-rank", [
      `--run-dir=${run}`,
      `--rank=${rank}`,
      `--size=${plan.ranks}`,
      ...(speeds === undefined ? [] : [`--speeds=${speeds.join(",")}`]),
    ], {
      doing: "measure steps",
      env: rankVariables(coresEach(together)),
      cores,
    });
    const phases: Record<string, number[][]> = JSON.parse(text);
    return new Map(
      Object.entries(phases).map(([phase, steps]) => [
        phase,
        steps.map((pieces) => pieces.map((ms) => ms / speedOf(rank))),
      ]),
    );
  };
  try {
    const ends = await Promise.allSettled(
      measured.map(({ rank }, i) => measure(rank, places?.[i])),
    );
    const ranks = ends.map((end) => {
      if (end.status === "rejected") throw end.reason;
      return end.value;
    });
    return new Map(
      [...ranks[0]!.keys()].map((phase) => [
        phase,
        measuredStep(ranks.map((times) => times.get(phase)!), plan.ranks),
      ]),
    );
  } finally {
    await env.disk.remove(folder);
  }
}

/**
 * Of `ranks` ranks, of which some were timed: all wait at each exchange for the one
 * that is last there.
 *
 * @param times Of each that was, milliseconds of the pieces of each step.
 */
export function measuredStep(
  times: readonly (readonly (readonly number[])[])[],
  ranks: number,
): MeasuredStep {
  const pieces = times[0]![0]!.map((_, piece) =>
    times.map((steps) => steps.map((of) => of[piece]!))
  );
  const alone = times.map((steps) =>
    steps.flat().reduce((sum, ms) => sum + ms, 0) / steps.length
  );
  const computeMs = Math.max(...alone);
  const together = pieces.reduce(
    (sum, samples) => sum + slowestOf(samples, ranks),
    0,
  );
  return { computeMs, lateMs: Math.max(0, together - computeMs) };
}
