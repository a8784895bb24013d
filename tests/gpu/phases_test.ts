import { deepStrictEqual, match, ok, rejects } from "node:assert";
import { readSafetensorsFile } from "../../src/run/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import {
  assertClose,
  copyFolder,
  openTiny,
  PHASES,
  runTiny,
  writeTinyCifar,
} from "../helpers/mod.ts";

/** 20 steps a phase, every distillation loss and a log line per step. */
const ALL_LOSSES = {
  student: { distilled: true, dropPath: 0.1, dropout: 0.1 },
  phases: {
    teacher: { images: 480 },
    distill: {
      images: 480,
      labels: 0.5,
      hard: 0.5,
      soft: 0.5,
      feature: 0.1,
      featureAlign: "projection",
      attention: 0.2,
      relationalDistance: 2,
      relationalAngle: 4,
      // Weights that change go another way to the kernels.
      end: {
        labels: 0.25,
        soft: 0.1,
        attention: 0.4,
        relationalAngle: 1,
        temperature: 1,
      },
    },
    classify: { images: 480, backbone: "finetune" },
    selfTrain: { images: 480, threshold: 0.3, consistency: 1 },
    baseline: { images: 480 },
  },
};

async function withFolder(work: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function modelOf(folder: string, checkpoint: string) {
  const { tensors } = await readSafetensorsFile(
    realEnv.disk,
    `${folder}/checkpoints/${checkpoint}/model.safetensors`,
  );
  return Object.fromEntries(
    [...tensors].map(([name, { data }]) => [name, [...data]]),
  );
}

Deno.test("runPhase() gives the same losses on 1, 2 and 3 ranks in every phase", async () => {
  await withFolder(async (folder) => {
    const data = `${folder}/data`;
    await writeTinyCifar(data, { train: 12, test: 4 });
    const losses: { key: string; values: number[] }[][] = [];
    for (const ranks of [1, 2, 3]) {
      const run = await runTiny({
        ranks,
        folder: `${folder}/ranks-${ranks}`,
        data,
        phases: PHASES,
        config: ALL_LOSSES,
      });
      deepStrictEqual(run.outcomes.map(({ state }) => state), [
        "done",
        "done",
        "done",
        "done",
        "done",
      ]);
      losses.push(
        PHASES.map((phase) => ({
          key: phase,
          values: run.metrics.filter((line) =>
            line.phase === phase && line.split === "train"
          ).map((line) => line.loss as number),
        })),
      );
    }
    const [one, two, three] = losses;
    one!.forEach(({ key, values }, i) => {
      deepStrictEqual(values.length, 20, key);
      ok(new Set(values).size > 15, `${key}: the loss does not move`);
      assertClose(two![i]!.values, values, { rtol: 1e-4 }, `${key}, 2 ranks`);
      assertClose(three![i]!.values, values, { rtol: 1e-4 }, `${key}, 3 ranks`);
    });
  });
});

for (const phase of ["distill", "selfTrain"] as const) {
  Deno.test(`runPhase("${phase}") stopped and resumed equals the uninterrupted run bit for bit`, async () => {
    await withFolder(async (folder) => {
      const data = `${folder}/data`;
      await writeTinyCifar(data, { train: 12, test: 4 });
      const phases = ["teacher", "distill", "classify", "selfTrain"] as const;
      const before = phases.slice(0, phases.indexOf(phase));
      const config = {
        ...ALL_LOSSES,
        evaluation: { everySteps: 4 },
        phases: {
          ...ALL_LOSSES.phases,
          teacher: { images: 96 },
          selfTrain: { ...ALL_LOSSES.phases.selfTrain, method: "flexmatch" },
        },
      };
      const common = { ranks: 2, data, config };
      const [whole, own] = [`${folder}/whole`, `${folder}/9`] as const;
      const engines = await openTiny({ ...common, folder: whole });
      await engines.run(before);
      await copyFolder(whole, own);
      const uninterrupted = await engines.run([phase]);
      await engines.close();
      const stopped = await runTiny({
        ...common,
        folder: own,
        phases: [phase],
        stopAfter: 9,
      });
      deepStrictEqual(stopped.outcomes, [{
        state: "stopped",
        checkpoint: `${phase}-9`,
      }]);
      const resumed = await runTiny({
        ...common,
        folder: own,
        phases: [phase],
      });
      const runs = [uninterrupted, resumed].map(({ outcomes, metrics }) => {
        deepStrictEqual(outcomes[0]!.state, "done");
        return metrics.filter((line) => line.phase === phase)
          .map(({ split, step, loss, accuracy }) => ({
            split,
            step,
            loss,
            accuracy,
          }));
      });
      deepStrictEqual(runs[1], runs[0]);
      deepStrictEqual(
        await modelOf(own, `${phase}-20`),
        await modelOf(whole, `${phase}-20`),
      );
    });
  });
}

Deno.test("runPhase() starts from a weights file and needs no training when it is complete", async () => {
  await withFolder(async (folder) => {
    const data = `${folder}/data`;
    await writeTinyCifar(data, { train: 12, test: 8 });
    const common = { ranks: 1, data, phases: ["teacher"] as const };
    const config = { student: { feature: "class" }, teacher: { depth: 2 } };
    const trained = await runTiny({
      ...common,
      folder: `${folder}/trained`,
      config: {
        ...config,
        data: { padding: 0 },
        phases: {
          teacher: { images: 960, optimizer: { learningRate: 0.01 } },
        },
      },
    });
    const weights =
      `${folder}/trained/checkpoints/teacher-40/model.safetensors`;
    const load = (depth: number) =>
      runTiny({
        ...common,
        folder: `${folder}/depth-${depth}`,
        config: {
          ...config,
          teacher: { weights, depth },
          phases: { teacher: { images: 0 } },
        },
      });
    const loaded = await load(2);
    const accuracy = [trained, loaded].map(({ outcomes }) => {
      const [outcome] = outcomes;
      return outcome?.state === "done" && outcome.summary.test_accuracy;
    });
    ok(Number(accuracy[0]) > 0.2, `${accuracy[0]}`);
    deepStrictEqual(accuracy[1], accuracy[0]);
    const report = await Deno.readTextFile(
      `${folder}/depth-2/weights_teacher.csv`,
    );
    ok(report.includes("blocks.0.attn.qkv.weight,loaded"), report);
    deepStrictEqual(loaded.warnings, []);
    const { warnings } = await load(1);
    match(warnings[0]!, /^teacher.depth=1 leaves out the last of 2 blocks of /);
  });
});

Deno.test("runPhase() names phase and step when the loss is not finite, and keeps the checkpoint", async () => {
  await withFolder(async (folder) => {
    const data = `${folder}/data`;
    await writeTinyCifar(data, { train: 12, test: 4 });
    await rejects(
      () =>
        runTiny({
          ranks: 1,
          folder: `${folder}/run`,
          data,
          phases: ["teacher"],
          config: {
            checkpoint: { everySteps: 1 },
            phases: {
              teacher: {
                images: 480,
                optimizer: { kind: "sgd", learningRate: 1e30, clipNorm: 0 },
                schedule: { warmupSteps: 0 },
              },
            },
          },
        }),
      (error: Error) =>
        /phase teacher, step \d+/.test(error.message) ||
        error.message.includes("not a finite number"),
    );
  });
});
