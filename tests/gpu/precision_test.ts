import { deepStrictEqual, ok } from "node:assert";
import { readSafetensorsFile } from "../../src/run/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import {
  assertClose,
  PHASES,
  runTiny,
  writeTinyCifar,
} from "../helpers/mod.ts";

/** Every phase and loss in f16. */
const HALF = {
  precision: "f16",
  // Only at the end: of models with almost the same accuracy either may be chosen,
  // and the next phase begins with it.
  evaluation: { everySteps: 1000 },
  student: { distilled: true, dropPath: 0.1, dropout: 0.1 },
  phases: {
    teacher: { images: 480 },
    distill: {
      images: 480,
      labels: 0.5,
      hard: 0.5,
      soft: 0.5,
      feature: 0.1,
      relationalDistance: 2,
      relationalAngle: 4,
      cacheTeacher: "off",
    },
    classify: { images: 480, backbone: "finetune" },
    // High: a confidence at the threshold falls to either side after rounding.
    selfTrain: { images: 480, threshold: 0.9, consistency: 1 },
    baseline: { images: 480 },
  },
};

async function withFolder(
  work: (folder: string, data: string) => Promise<void>,
) {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    await writeTinyCifar(`${folder}/data`, { train: 12, test: 4 });
    await work(folder, `${folder}/data`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function partOf(folder: string, checkpoint: string, part: string) {
  const { tensors } = await readSafetensorsFile(
    realEnv.disk,
    `${folder}/checkpoints/${checkpoint}/${part}.safetensors`,
  );
  return Object.fromEntries(
    [...tensors].map(([name, { data }]) => [name, [...data]]),
  );
}

type Lines = Record<string, unknown>[];

function lossesOf(metrics: Lines, phase: string): number[] {
  return metrics.filter((line) =>
    line.phase === phase && line.split === "train"
  )
    .map(({ loss }) => loss as number);
}

Deno.test("runPhase() in f16 follows the losses of f32 in every phase, the same on 1 and 2 ranks", async () => {
  await withFolder(async (folder, data) => {
    const runs: Lines[] = [];
    for (
      const [ranks, precision] of [[1, "f32"], [1, "f16"], [2, "f16"]] as const
    ) {
      const run = await runTiny({
        ranks,
        folder: `${folder}/${precision}-${ranks}`,
        data,
        phases: PHASES,
        config: { ...HALF, precision },
      });
      runs.push(run.metrics);
    }
    const [single, half, both] = runs;
    for (const phase of PHASES) {
      const expected = lossesOf(single!, phase);
      deepStrictEqual(expected.length, 20);
      const found = lossesOf(half!, phase);
      assertClose(found, expected, { rtol: 0.03, atol: 0.01 }, phase);
      assertClose(
        lossesOf(both!, phase),
        found,
        { rtol: 5e-3, atol: 2e-3 },
        `${phase}, 2 ranks`,
      );
    }
    ok(half!.some((line) => line.loss_scale === 65536));
  });
});

Deno.test("runPhase() in f16 stopped and resumed equals the uninterrupted run bit for bit, loss scale included", async () => {
  await withFolder(async (folder, data) => {
    const runs: unknown[] = [];
    for (const stopAfter of [undefined, 9]) {
      const own = `${folder}/${stopAfter ?? "whole"}`;
      const options = {
        ranks: 2,
        folder: own,
        data,
        phases: ["baseline"] as const,
        config: {
          ...HALF,
          phases: {
            ...HALF.phases,
            baseline: { images: 480, optimizer: { ema: 0.9 } },
          },
          lossScale: { initial: 1024, growthInterval: 3 },
        },
      };
      let run = await runTiny({
        ...options,
        ...(stopAfter ? { stopAfter } : {}),
      });
      if (stopAfter) {
        deepStrictEqual(run.outcomes[0]!.state, "stopped");
        run = await runTiny(options);
      }
      runs.push([
        await partOf(own, "baseline-20", "model"),
        run.metrics.filter(({ split }) => split === "train").map((line) => [
          line.step,
          line.loss,
          line.loss_scale,
        ]),
      ]);
    }
    deepStrictEqual(runs[1], runs[0]);
    const [, lines] = runs[0] as [unknown, number[][]];
    deepStrictEqual(lines.map(([, , scale]) => scale).slice(0, 7), [
      1024,
      1024,
      1024,
      2048,
      2048,
      2048,
      4096,
    ]);
  });
});

Deno.test("runPhase() in f16 skips steps whose gradient overflows, on all ranks alike, and then trains", async () => {
  await withFolder(async (folder, data) => {
    const skipped: number[] = [];
    const models: unknown[] = [];
    for (const ranks of [1, 2]) {
      const own = `${folder}/ranks-${ranks}`;
      const run = await runTiny({
        ranks,
        folder: own,
        data,
        phases: ["teacher"],
        config: {
          ...HALF,
          lossScale: { initial: 2 ** 36, growthInterval: 1000 },
          checksum: { everySteps: 1 },
          phases: { ...HALF.phases, teacher: { images: 24 * 40 } },
        },
      });
      deepStrictEqual(run.outcomes[0]!.state, "done");
      const lines = run.metrics.filter(({ split }) => split === "train");
      const sum = lines.reduce(
        (total, line) => total + Number(line.skipped_steps ?? 0),
        0,
      );
      skipped.push(sum);
      // Every skip halved the scale.
      const last = lines.at(-1)!;
      deepStrictEqual(last.loss_scale, 2 ** (36 - sum));
      models.push(lines.map(({ step }) => step));
    }
    ok(skipped[0]! > 5 && skipped[0]! < 30, `${skipped}`);
    deepStrictEqual(skipped[1], skipped[0]);
    deepStrictEqual(models[1], models[0]);
  });
});

Deno.test("runPhase() in f16 gives the same figures for a micro-batch, and the same bits when it runs blocks again", async () => {
  await withFolder(async (folder, data) => {
    const phases = Object.fromEntries(
      Object.entries(HALF.phases).map(([name, options]) => [
        name,
        { ...options, images: 72 },
      ]),
    );
    const runs: Lines[] = [];
    for (
      const change of [{}, { microBatch: 7 }, { recompute: true }]
    ) {
      const run = await runTiny({
        ranks: 1,
        folder: `${folder}/${Object.keys(change)}`,
        data,
        phases: PHASES,
        config: { ...HALF, phases, ...change },
      });
      runs.push(run.metrics);
    }
    const [whole, split, again] = runs;
    for (const phase of PHASES) {
      const expected = lossesOf(whole!, phase);
      deepStrictEqual(expected.length, 3);
      assertClose(
        lossesOf(split!, phase),
        expected,
        { rtol: 5e-3, atol: 2e-3 },
        `${phase} in micro-batches`,
      );
      deepStrictEqual(lossesOf(again!, phase), expected, `${phase} again`);
    }
  });
});
