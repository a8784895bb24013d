import { deepStrictEqual, match, ok } from "node:assert";
import { assertClose, runTiny, writeTinyCifar } from "../helpers/mod.ts";

/** 5 steps of self-training from the same classified student. */
const COMMON = {
  student: { distilled: true, dropPath: 0.1, feature: "class" },
  phases: {
    distill: { enabled: false },
    classify: {
      images: 480,
      backbone: "finetune",
      optimizer: { learningRate: 0.01 },
    },
    selfTrain: { images: 120, threshold: 0.3, unlabelledRatio: 2 },
  },
};

/** Each method with the options that only it reads. */
const METHODS: Record<string, Record<string, unknown>> = {
  "pseudo-label in every step": {
    method: "pseudo-label",
    rounds: 0,
    rampUp: 0.4,
  },
  "noisy-student": { method: "noisy-student", rounds: 2 },
  "pi-model": { method: "pi-model", unlabelledWeight: 10 },
  "mean-teacher": {
    method: "mean-teacher",
    unlabelledWeight: 50,
    rampUp: 0.4,
  },
  "uda with annealing": { method: "uda", uda: { annealing: "linear" } },
  freematch: { method: "freematch", freematch: { fairness: 0.5 } },
  softmatch: { method: "softmatch" },
  adamatch: { method: "adamatch", threshold: 0.9 },
  remixmatch: { method: "remixmatch" },
  "semi-vit": { method: "semi-vit", unlabelledWeight: 5 },
  "fixmatch with voters": {
    method: "pseudo-label",
    rounds: 2,
    combine: "vote",
    voters: [{}],
  },
};

/** Those with a state of their own, and those that couple images. */
const STATEFUL = ["noisy-student", "freematch", "adamatch", "remixmatch"];

type Lines = Record<string, unknown>[];

/** Runs self-training in copies of a folder with a classified student. */
async function withStart(
  work: (
    train: (
      name: string,
      options: {
        ranks: number;
        selfTrain: Record<string, unknown>;
        stopAfter?: number;
        microBatch?: number;
      },
    ) => Promise<
      {
        lines: Lines;
        folder: string;
        summary: Record<string, unknown>;
        warnings: string[];
      }
    >,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    const data = `${folder}/data`;
    await writeTinyCifar(data, { train: 12, test: 4 });
    const start = `${folder}/start`;
    await runTiny({
      ranks: 1,
      folder: start,
      data,
      phases: ["classify"],
      config: COMMON,
    });
    const weights = `${start}/checkpoints/classify-20/model.safetensors`;
    await work(async (name, { selfTrain, microBatch = 0, ...options }) => {
      const own = `${folder}/${name}`;
      if (!await exists(own)) await copyFolder(start, own);
      const { voters, ...rest } = selfTrain;
      const run = await runTiny({
        ...options,
        folder: own,
        data,
        phases: ["selfTrain"],
        config: {
          ...COMMON,
          microBatch,
          phases: {
            ...COMMON.phases,
            selfTrain: {
              ...COMMON.phases.selfTrain,
              ...rest,
              ...(voters ? { voters: [{ weights }] } : {}),
            },
          },
        },
      });
      const [outcome] = run.outcomes;
      return {
        folder: own,
        warnings: run.warnings,
        summary: outcome?.state === "done" ? outcome.summary : {},
        lines: run.metrics.filter(({ phase, split }) =>
          phase === "selfTrain" && split === "train"
        ),
      };
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("runPhase() gives the same losses on 1 and 3 ranks with every method of self-training", async (t) => {
  await withStart(async (train) => {
    for (const [name, selfTrain] of Object.entries(METHODS)) {
      await t.step(name, async () => {
        const [one, three] = [
          await train(`${name} 1`, { ranks: 1, selfTrain }),
          await train(`${name} 3`, { ranks: 3, selfTrain }),
        ];
        deepStrictEqual(one.lines.length, 5);
        for (const key of ["loss", "mask_rate", "pseudo_label_accuracy"]) {
          const of = ({ lines }: { lines: Lines }) =>
            lines.map((line) => line[key]).filter((v) => v !== undefined);
          assertClose(
            of(three) as number[],
            of(one) as number[],
            { rtol: 1e-4, atol: 1e-6 },
            `${name}: ${key}`,
          );
        }
        ok(new Set(one.lines.map(({ loss }) => loss)).size === 5, name);
        const rates = one.lines.map((line) => Number(line.mask_rate ?? 0.5));
        ok(rates.some((rate) => rate > 0), `${name}: no label was used`);
        if (!STATEFUL.includes(name)) return;
        const cut = { ranks: 1, selfTrain };
        await train(`${name} cut`, { ...cut, stopAfter: 3 });
        const resumed = await train(`${name} cut`, cut);
        deepStrictEqual(losses(resumed), losses(one), `${name}, resumed`);
        deepStrictEqual(await modelOf(resumed), await modelOf(one), name);
        const split = await train(`${name} split`, { ...cut, microBatch: 5 });
        assertClose(
          losses(split),
          losses(one),
          { rtol: 1e-4 },
          "micro-batches",
        );
      });
    }
  });
});

Deno.test('runPhase("selfTrain") answers a collapse as the configuration says', async (t) => {
  await withStart(async (train) => {
    /** Any labels count as collapsed after 2 steps. */
    const guard = {
      window: 2,
      leastRate: 1,
      drift: 0,
      attempts: 1,
      startAccuracy: 0,
    };
    const run = (name: string, selfTrain: Record<string, unknown>) =>
      train(name, { ranks: 1, selfTrain: { threshold: 0, ...selfTrain } });
    await t.step("stop", async () => {
      const { summary, warnings } = await run("stop", {
        guard: { ...guard, answer: "stop" },
      });
      deepStrictEqual(summary.steps, 2);
      match(String(summary.stopped), /pseudo-labels/);
      match(warnings.join("\n"), /selfTrain, step 2: .*; the phase ends/);
    });
    await t.step("rollback, then stop", async () => {
      const { summary, warnings } = await run("rollback", {
        guard: { ...guard, answer: "rollback" },
      });
      deepStrictEqual(summary.steps, 4);
      match(warnings.join("\n"), /back to the weights of step 0/);
    });
    await t.step("a start below the bound is not trained", async () => {
      const { summary, lines } = await run("refuse", {
        guard: { ...guard, startAccuracy: 1 },
      });
      deepStrictEqual([summary.steps, summary.best_step, lines.length], [
        0,
        0,
        0,
      ]);
      match(String(summary.refused), /startAccuracy asks for 100.0 %/);
    });
  });
});

Deno.test("runPhase() distils three teachers alike on 1 rank from caches and on 3 where they run", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    const data = `${folder}/data`;
    await writeTinyCifar(data, { train: 12, test: 4 });
    const common = { data, phases: ["distill"] as const };
    const start = `${folder}/start`;
    await runTiny({
      ...common,
      ranks: 1,
      folder: start,
      phases: ["teacher", "teacher2"],
      config: {
        teachers: [{ dim: 24 }],
        phases: { teacher: { images: 240 } },
      },
    });
    const weights = `${start}/checkpoints/teacher-10/model.safetensors`;
    const runs: Lines[] = [];
    for (const [ranks, cacheTeacher] of [[1, "auto"], [3, "off"]] as const) {
      const own = `${folder}/${ranks}`;
      await copyFolder(start, own);
      const run = await runTiny({
        ...common,
        ranks,
        folder: own,
        config: {
          data: { padding: 0 },
          teachers: [{ weights, feature: "both" }, {
            dim: 24,
            normalise: "half",
          }],
          phases: {
            teacher: { images: 240 },
            distill: {
              images: 120,
              hard: 0.5,
              soft: 0.5,
              feature: 1,
              attention: 1,
              combine: "vote",
              cacheTeacher,
            },
          },
        },
      });
      runs.push(
        run.metrics.filter(({ phase, split }) =>
          phase === "distill" && split === "train"
        ),
      );
    }
    const of = (key: string) =>
      runs.map((lines) => lines.map((line) => Number(line[key])));
    for (
      const key of [
        "loss",
        "loss_hard",
        "loss_soft",
        "loss_feature",
        "loss_attention",
        "loss_relational_angle",
      ]
    ) {
      const [cached, live] = of(key);
      deepStrictEqual(cached!.length, 5);
      ok(cached!.every((value) => value > 0), key);
      assertClose(live!, cached!, { rtol: 1e-4 }, key);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function losses({ lines }: { lines: Lines }): number[] {
  return lines.map(({ loss }) => loss as number);
}

function modelOf({ folder }: { folder: string }) {
  return Deno.readFile(
    `${folder}/checkpoints/selfTrain-5/model.safetensors`,
  );
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
