import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { checkNoneLeft, withTinyRun } from "../cluster/train_process.ts";
import { realEnv } from "../../src/env/mod.ts";
import { readMetrics } from "../../src/run/mod.ts";
import type { Moment } from "./mortal_rank.ts";
import { trainMortals } from "./mortal_ranks.ts";

/** Each phase exchanges in a way of its own; what is learned changes smoothly. */
const OVERRIDES = [
  "link=direct",
  // A process may take longer to end than it is waited for, where many end.
  "timeouts.heartbeatSeconds=60",
  "phases.teacher.images=32",
  "parallelPhases=always",
  "evaluation.everySteps=2",
  "phases.distill.relationalDistance=2",
  "phases.classify.backbone=finetune",
  "phases.selfTrain.method=noisy-student",
  "phases.selfTrain.noisyStudent.labels=soft",
  "phases.selfTrain.noisyStudent.balance=false",
  "phases.selfTrain.threshold=0",
  "phases.selfTrain.rounds=2",
];

const PHASES = ["teacher", "distill", "classify", "selfTrain", "baseline"];

/** When each rank dies: three of them as the one that writes. */
const DEATHS: (Moment | undefined)[] = [
  { phase: "distill", from: "teacher_cache.ts", time: 2 },
  { phase: "classify", from: "conclusion.ts", time: 2 },
  { phase: "selfTrain", from: "labellers.ts", time: 2 },
  undefined,
  { phase: "baseline", from: "selection.ts", time: 1 },
];

/** Loss of each line of `metrics.jsonl`, by phase, step and split. */
async function lossesOf(run: string): Promise<Map<string, number>> {
  const { lines, damaged } = await readMetrics(realEnv.disk, run);
  strictEqual(damaged, 0);
  const losses = lines.map(({ phase, step, split, loss }) =>
    [`${phase} ${step} ${split}`, loss!] as const
  );
  const keys = losses.map(([key]) => key);
  strictEqual(new Set(keys).size, keys.length, "no line comes twice");
  return new Map(losses.sort(([a], [b]) => a < b ? -1 : 1));
}

Deno.test("train ends like an undisturbed run when ranks are killed in every phase", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const train = (name: string, deaths: readonly (Moment | undefined)[]) =>
      trainMortals(config, {
        folder: `${folder}/${name}`,
        overrides: OVERRIDES,
        deaths,
      });
    const { code, failure, journal, summaries } = await train("lossy", DEATHS);
    deepStrictEqual([code, failure], [0, undefined]);
    deepStrictEqual([...summaries.keys()], PHASES);
    const lost = journal.flatMap((record) =>
      record.event === "rank_lost" ? [record.failure] : []
    );
    deepStrictEqual(
      lost.map(({ rank, phase, signal }) => ({ rank, phase, signal }))
        .sort((a, b) => a.rank! - b.rank!),
      DEATHS.flatMap((moment, rank) =>
        moment ? [{ rank, phase: moment.phase, signal: "SIGKILL" }] : []
      ),
    );
    await checkNoneLeft(`${folder}/lossy`);

    strictEqual((await train("calm", [undefined])).code, 0);
    const calm = await lossesOf(`${folder}/calm`);
    const lossy = await lossesOf(`${folder}/lossy`);
    deepStrictEqual([...lossy.keys()], [...calm.keys()]);
    for (const [key, loss] of lossy) {
      const calmly = calm.get(key)!;
      ok(Math.abs(loss - calmly) < 2e-3 * calmly, `${key}: ${loss}, ${calmly}`);
    }
    const labels = (name: string) =>
      Deno.readTextFile(`${folder}/${name}/pseudo_labels.csv`);
    strictEqual(
      (await labels("lossy")).split("\n").length,
      (await labels("calm")).split("\n").length,
    );
  });
});
