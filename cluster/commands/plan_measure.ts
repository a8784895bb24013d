import type { Config } from "../../src/config/mod.ts";
import type { Env } from "../../src/env/mod.ts";
import type { Plan } from "../../src/phases/mod.ts";
import { coresEach, rankVariables, runVerb } from "../launch/mod.ts";

/** What {@linkcode measureSteps} measures beside the plan. */
export interface StepMeasurement {
  config: Config;
  /** Ranks that compute on the cores of this machine. */
  together: number;
  /** Of each rank beside this machine's adapter; left out, all are alike. */
  speeds?: readonly number[] | undefined;
}

/**
 * Times steps of the ranks that take longest, without the others: milliseconds by
 * phase of the slowest, since all wait for it. Ranks that will share this machine's
 * cores do so here too: as many compute at a time.
 */
export async function measureSteps(
  env: Env,
  plan: Plan,
  { config, together, speeds }: StepMeasurement,
): Promise<Map<string, number>> {
  const folder = `${Deno.env.get("TMPDIR") ?? "/tmp"}/signet-plan-${
    env.randomBytes(6).toHex()
  }`;
  const speedOf = (rank: number) => speeds?.[rank] ?? 1;
  const measured = plan.shares
    .map((images, rank) => ({ rank, work: images / speedOf(rank) }))
    .sort((a, b) => b.work - a.work)
    .slice(0, together);
  const slowest = new Map<string, number>();
  const measure = async (rank: number) => {
    const run = `${folder}/${rank}`;
    await env.disk.makeFolder(run);
    await env.disk.write(`${run}/config.json`, JSON.stringify(config));
    const text = await runVerb("measure-rank", [
      `--run-dir=${run}`,
      `--rank=${rank}`,
      `--size=${plan.ranks}`,
      ...(speeds === undefined ? [] : [`--speeds=${speeds.join(",")}`]),
    ], { doing: "measure steps", env: rankVariables(coresEach(together)) });
    const times: Record<string, number[]> = JSON.parse(text);
    for (const [phase, all] of Object.entries(times)) {
      const ms = median(all) / speedOf(rank);
      slowest.set(phase, Math.max(ms, slowest.get(phase) ?? 0));
    }
  };
  try {
    const ends = await Promise.allSettled(
      measured.map(({ rank }) => measure(rank)),
    );
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    return slowest;
  } finally {
    await env.disk.remove(folder);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
