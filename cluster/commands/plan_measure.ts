import { availableParallelism } from "node:os";
import type { Env } from "../../src/env/mod.ts";
import type { Plan } from "../../src/phases/mod.ts";
import { readMetrics } from "../../src/run/mod.ts";
import { runVerb } from "../launch/mod.ts";

/** Steps of each phase that are timed, and those of them that only warm up. */
const STEPS = 6;
const WARM_UP = 2;
/** Of a CPU adapter; ranks of one machine get their part of its cores. */
const THREADS = "LP_NUM_THREADS";

/**
 * Trains a few steps of a rank's equal share; median milliseconds by phase. Ranks
 * that will share this machine's cores do so here too: as many train at a time.
 */
export async function measureSteps(
  env: Env,
  plan: Plan,
  { config, together }: {
    /** Configuration and overrides, as for `train`. */
    config: readonly string[];
    /** Ranks that compute on the cores of this machine. */
    together: number;
  },
): Promise<Map<string, number>> {
  const folder = `${Deno.env.get("TMPDIR") ?? "/tmp"}/signet-plan-${
    env.randomBytes(6).toHex()
  }`;
  await env.disk.makeFolder(folder);
  if (together > 1 && !Deno.env.has(THREADS)) {
    // For the processes below, which have our environment.
    const threads = Math.floor(availableParallelism() / together);
    Deno.env.set(THREADS, String(Math.max(1, threads)));
  }
  try {
    const runs = Array.from({ length: together }, (_, i) => `${folder}/${i}`);
    await Promise.all(runs.map((run) =>
      runVerb("train", [
        ...config,
        `globalBatch=${Math.ceil(plan.global_batch / plan.ranks)}`,
        "--ranks=1",
        `--fast-dev-run=${STEPS}`,
        `--run-dir=${run}`,
      ], { doing: "measure steps" })
    ));
    const lines = await Promise.all(
      runs.map(async (run) => (await readMetrics(env.disk, run)).lines),
    );
    const times = Map.groupBy(
      lines.flat().filter(({ split, step }) =>
        split === "train" && step > WARM_UP
      ),
      ({ phase }) => phase,
    );
    return new Map(
      [...times].map(([phase, steps]) => {
        const sorted = steps.map(({ step_ms }) => Number(step_ms))
          .sort((a, b) => a - b);
        return [phase, sorted[sorted.length >> 1]!];
      }),
    );
  } finally {
    await env.disk.remove(folder);
  }
}
