import { deepStrictEqual, match, strictEqual } from "node:assert";
import { writeTinyCifar } from "../helpers/mod.ts";
import { command, readJson, withTinyRun } from "./train_process.ts";

const UP_TO_CLASSIFY = [
  "--ranks=1",
  "phases.selfTrain.enabled=false",
  "phases.baseline.enabled=false",
];

Deno.test("phases are taken from a run that has done them, as they would be done", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const train = (name: string, ...args: string[]) =>
      command([
        "train",
        config,
        `--run-dir=${folder}/runs/${name}`,
        ...UP_TO_CLASSIFY,
        ...args,
      ]);
    const donor = await train("donor", "data.labelsPerClass=1");
    strictEqual(donor.code, 0, donor.stderr);
    const alone = await train("alone");
    strictEqual(alone.code, 0, alone.stderr);
    const heir = await train("heir", `--phases-from=${folder}/runs/donor`);
    strictEqual(heir.code, 0, heir.stderr);

    match(
      heir.stderr,
      /^taken +teacher +from \S+donor\ntaken +distill +from /m,
    );
    match(heir.stderr, /^plan +teacher done -> distill done -> classify 6 /m);
    const weights = (name: string) =>
      Deno.readFile(
        `${folder}/runs/${name}/checkpoints/classify-6/model.safetensors`,
      );
    deepStrictEqual(await weights("heir"), await weights("alone"));
    const { phases } = await readJson(`${folder}/runs/heir/summary.json`);
    const { teacher, classify } = Object(phases);
    strictEqual(teacher.from, `${folder}/runs/donor`);
    strictEqual("from" in classify, false);
    strictEqual(
      classify.teacher_agreement,
      Object((await readJson(`${folder}/runs/alone/summary.json`)).phases)
        .classify.teacher_agreement,
    );

    await writeTinyCifar(`${folder}/data`, { train: 9, test: 2 });
    const stale = await train("stale", `--phases-from=${folder}/runs`);
    strictEqual(stale.code, 2);
    match(stale.stderr, /phases were taken from a run on other images/);
  });
});
