import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { type Config, parseConfig } from "../../src/config/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import { RunFolder } from "../../src/run/mod.ts";
import { Journal, readDone } from "../../cluster/coordinator/mod.ts";
import { takePhases } from "../../cluster/launch/take_phases.ts";
import { SharedPhases } from "../../cluster/sweep/mod.ts";

const { disk } = realEnv;

function configOf(change: Record<string, unknown> = {}): Config {
  return parseConfig({ data: { labelsPerClass: 4 }, ...change }, "test");
}

/** A run that has finished its teacher and its distillation. */
async function makeDonor(
  path: string,
  { config = configOf(), code = "c" }: { config?: Config; code?: string } = {},
): Promise<void> {
  const run = await RunFolder.create(disk, path);
  await run.writeJson("config.json", config);
  await run.writeJson("run.json", { versions: { code } });
  await run.writeJson("split.json", { dataHash: "d" });
  const journal = new Journal(realEnv, path);
  for (const phase of ["teacher", "distill"] as const) {
    await disk.makeFolder(`${path}/checkpoints/${phase}-9`);
    await run.writeText(`checkpoints/${phase}-9/model.safetensors`, phase);
    await run.writeText(`checkpoints/best-${phase}`, `${phase}-9\n`);
    await run.writeText(`confusion_${phase}.csv`, phase);
    await run.appendMetrics({
      time: 1,
      phase,
      step: 9,
      epoch: 1,
      split: "train",
    });
    await journal.append({
      event: "phase_done",
      phase,
      summary: { steps: 9 },
    });
  }
}

async function withFolder(use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "signet-take-" });
  try {
    await use(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

let heirs = 0;

/** Phases that a run of such a configuration takes, and its folder. */
async function take(
  parent: string,
  from: string,
  config: Config,
): Promise<{ path: string; phases: string[] }> {
  const path = `${parent}/heir-${heirs++}`;
  const taken = await takePhases(realEnv, {
    from: [from],
    folder: await RunFolder.create(disk, path),
    config,
    code: "c",
    journal: new Journal(realEnv, path),
  });
  return { path, phases: [...taken.keys()] };
}

Deno.test("takePhases() copies model, tables, metrics and figures of what is the same", async () => {
  await withFolder(async (folder) => {
    await makeDonor(`${folder}/donor`);
    const { path, phases } = await take(
      folder,
      `${folder}/donor`,
      configOf({ phases: { classify: { images: 128 } } }),
    );
    deepStrictEqual(phases, ["teacher", "distill"]);
    for (const phase of phases) {
      for (
        const name of [
          `checkpoints/${phase}-9/model.safetensors`,
          `confusion_${phase}.csv`,
        ]
      ) strictEqual(await disk.readText(`${path}/${name}`), phase);
    }
    strictEqual(
      (await disk.readText(`${path}/metrics.jsonl`)).trim().split("\n").length,
      2,
    );
    const from = `${folder}/donor`;
    deepStrictEqual(
      await readDone(disk, path),
      new Map([
        ["teacher", { steps: 9, from }],
        ["distill", { steps: 9, from }],
      ]),
    );
    // Of one that has taken them itself, the origin is told.
    await disk.write(`${path}/config.json`, JSON.stringify(configOf()));
    await disk.write(`${path}/run.json`, '{ "versions": { "code": "c" } }');
    const second = await take(folder, path, configOf());
    strictEqual((await readDone(disk, second.path)).get("teacher")?.from, from);
  });
});

Deno.test("takePhases() takes nothing from other code, settings or labels by hand, and says why", async () => {
  await withFolder(async (folder) => {
    const table = `${folder}/labels.csv`;
    await disk.write(table, "name,label\na,0\n");
    const byHand = configOf({ data: { labelsPerClass: 4, labels: table } });
    await makeDonor(`${folder}/donor`, { config: byHand });
    await disk.write(`${folder}/donor/hand_labels.csv`, "name,label\na,0\n");
    const same = await take(folder, `${folder}/donor`, byHand);
    deepStrictEqual(same.phases, ["teacher", "distill"]);
    await disk.write(table, "name,label\na,0\nb,1\n");
    await rejects(
      take(folder, `${folder}/donor`, byHand),
      /other settings \(data\.labels\)/,
    );

    await makeDonor(`${folder}/old`, { code: "before" });
    await rejects(
      take(folder, `${folder}/old`, configOf()),
      /another version of the code/,
    );
    await makeDonor(`${folder}/wide`, {
      config: configOf({ teacher: { dim: 128 } }),
    });
    await rejects(
      take(folder, `${folder}/wide`, configOf()),
      /other settings \(teacher\.dim\)/,
    );
    // Among many runs there need not be one, and old ones may be of another form.
    await disk.write(`${folder}/old/config.json`, '{ "gone": 1 }');
    deepStrictEqual(
      (await take(folder, folder, configOf({ seed: 9 }))).phases,
      [],
    );
    await rejects(
      take(folder, `${folder}/nowhere`, configOf()),
      /there is no such folder/,
    );
  });
});

Deno.test("takePhases() leaves the last phase to the run itself", async () => {
  await withFolder(async (folder) => {
    await makeDonor(`${folder}/donor`);
    const off = { enabled: false };
    const config = configOf({
      phases: { classify: off, selfTrain: off, baseline: off },
    });
    const { phases } = await take(folder, `${folder}/donor`, config);
    deepStrictEqual(phases, ["teacher"]);
  });
});

Deno.test("SharedPhases names the runs that have phases for another one, without reading all again", async () => {
  await withFolder(async (folder) => {
    const seeds = Array.from({ length: 12 }, (_, seed) => seed);
    const pathOf = (seed: number) => `${folder}/seed-${seed}`;
    for (const seed of seeds) {
      await makeDonor(pathOf(seed), { config: configOf({ seed }) });
    }
    await makeDonor(`${folder}/old`, {
      config: configOf({ seed: 99 }),
      code: "before",
    });
    let readings = 0;
    const counting = {
      ...disk,
      readText(path: string) {
        readings++;
        return disk.readText(path);
      },
    };
    const shared = new SharedPhases(counting, "c");
    for (const seed of seeds) await shared.add(pathOf(seed));
    await shared.add(`${folder}/old`);
    await shared.add(`${folder}/not yet`);
    const perRun = readings / seeds.length;
    ok(perRun < 4, `${perRun} readings a run`);
    for (const seed of seeds) {
      const config = configOf({ seed, phases: { classify: { images: 128 } } });
      deepStrictEqual(await shared.donorsOf(config), [pathOf(seed)]);
    }
    deepStrictEqual(await shared.donorsOf(configOf({ seed: 99 })), []);
    strictEqual(readings / seeds.length, perRun);
    // Only the student differs, so that the teacher alone is done already.
    const wide = configOf({ seed: 3, student: { dim: 128 } });
    const from = (await shared.donorsOf(wide))[0]!;
    deepStrictEqual((await take(folder, from, wide)).phases, ["teacher"]);
  });
});
