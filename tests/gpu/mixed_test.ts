import { deepStrictEqual, ok, rejects } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import { readSafetensorsFile } from "../../src/run/mod.ts";
import { ReplicaMismatchError } from "../../src/training/mod.ts";
import { assertClose, runTiny, writeTinyCifar } from "../helpers/mod.ts";

/** Six steps a phase, with all that the update of a weight changes. */
const CONFIG = {
  mixed: true,
  student: { distilled: true },
  phases: {
    // The norm of all gradients is in every moment.
    teacher: { images: 144, optimizer: { clipNorm: 0.1 } },
    distill: { images: 144, soft: 0.5, relationalDistance: 2, feature: 0.1 },
    classify: { enabled: false },
    selfTrain: {
      images: 144,
      threshold: 0.3,
      consistency: 1,
      optimizer: { ema: 0.9 },
    },
  },
};
const PHASES = ["teacher", "distill", "selfTrain"] as const;
/** Kernels that differ in the last bits, as drivers do. */
const FORMS = ["register", "tiled"] as const;

async function withImages(
  work: (folder: string, data: string) => Promise<void>,
) {
  const folder = await Deno.makeTempDir({ prefix: "signet-mixed-" });
  try {
    await writeTinyCifar(`${folder}/data`, { train: 12, test: 4 });
    await work(folder, `${folder}/data`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("runPhase() on mixed adapters equals one rank, with shares of 3 to 1", async () => {
  await withImages(async (folder, data) => {
    const losses: Map<string, number[]>[] = [];
    for (const ranks of [1, 2]) {
      const own = `${folder}/ranks-${ranks}`;
      await Deno.mkdir(own);
      await Deno.writeTextFile(`${own}/shares.json`, '{"weights":[3,1]}');
      const { metrics, outcomes } = await runTiny({
        ranks,
        folder: own,
        data,
        phases: PHASES,
        config: CONFIG,
        forms: FORMS,
      });
      deepStrictEqual(
        outcomes.map(({ state }) => state),
        PHASES.map(() => "done"),
      );
      const lines = metrics.filter(({ split }) => split === "train");
      losses.push(
        new Map(PHASES.map((name) => [
          name,
          lines.filter(({ phase }) => phase === name)
            .map(({ loss }) => loss as number),
        ])),
      );
    }
    const [one, two] = losses;
    for (const [phase, values] of one!) {
      deepStrictEqual(values.length, 6, phase);
      assertClose(two!.get(phase)!, values, { rtol: 1e-4 }, phase);
    }
  });
});

Deno.test("runPhase() on different kernels ends at the replica check, unless it is mixed", async () => {
  await withImages(async (folder, data) => {
    await rejects(
      runTiny({
        ranks: 2,
        folder: `${folder}/alike`,
        data,
        phases: ["teacher"],
        config: { ...CONFIG, mixed: false },
        forms: FORMS,
      }),
      ReplicaMismatchError,
    );
  });
});

Deno.test("runPhase() on mixed adapters measures shares once, and resumed equals the uninterrupted run bit for bit", async () => {
  await withImages(async (folder, data) => {
    const run = (own: string, stopAfter: number) =>
      runTiny({
        ranks: 2,
        folder: own,
        data,
        phases: ["teacher"],
        config: CONFIG,
        forms: FORMS,
        stopAfter,
      });
    const [whole, halves] = [`${folder}/whole`, `${folder}/halves`];
    await run(whole, 5);
    const text = await Deno.readTextFile(`${whole}/shares.json`);
    const { weights, images_per_second } = JSON.parse(text);
    deepStrictEqual([weights.length, images_per_second.length], [2, 2]);
    ok(Math.abs(weights[0] + weights[1] - 1000) <= 1, text);

    await Deno.mkdir(halves);
    await Deno.writeTextFile(`${halves}/shares.json`, text);
    const { outcomes } = await run(halves, 3);
    deepStrictEqual(outcomes, [{ state: "stopped", checkpoint: "teacher-3" }]);
    await run(halves, 2);
    for (const part of ["model", "optimizer"]) {
      deepStrictEqual(await stored(halves, part), await stored(whole, part));
    }
    deepStrictEqual(await Deno.readTextFile(`${halves}/shares.json`), text);
  });
});

async function stored(folder: string, part: string) {
  const { tensors } = await readSafetensorsFile(
    realEnv.disk,
    `${folder}/checkpoints/teacher-5/${part}.safetensors`,
  );
  return [...tensors].map(([name, { data }]) => [name, [...data]]);
}
