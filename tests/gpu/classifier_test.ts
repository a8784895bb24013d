import {
  deepStrictEqual,
  match,
  ok,
  rejects,
  strictEqual,
  throws,
} from "node:assert";
import {
  batchesFor,
  Classifier,
  loadModel,
  mapClasses,
  runAll,
} from "../../src/classifier/mod.ts";
import { encodePng, openLabelled } from "../../src/data/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import { evaluateLogits } from "../../src/evaluation/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { readSafetensorsFile } from "../../src/run/mod.ts";
import { command } from "../cluster/train_process.ts";
import { runTiny, tinyConfig, writeTinyCifar } from "../helpers/mod.ts";

const { disk } = realEnv;

const CONFIG = {
  student: { head: "mlp", headHidden: [16, 8] },
  data: { padding: 0 },
  phases: {
    distill: { enabled: false },
    classify: {
      images: 720,
      backbone: "finetune",
      optimizer: { learningRate: 0.01 },
    },
    selfTrain: { enabled: false },
    baseline: { enabled: false },
  },
};

/** A finished run of an MLP-headed student on a tiny set. */
async function withRun(
  use: (paths: { run: string; data: string; test: number }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    const data = `${folder}/data`;
    const run = `${folder}/run`;
    await writeTinyCifar(data, { train: 12, test: 15 });
    const { outcomes } = await runTiny({
      ranks: 1,
      folder: run,
      data,
      phases: ["classify"],
      config: CONFIG,
    });
    const [outcome] = outcomes;
    const summary = outcome?.state === "done" ? outcome.summary : {};
    await disk.write(
      `${run}/config.json`,
      JSON.stringify(tinyConfig(data, CONFIG)),
    );
    await disk.write(
      `${run}/summary.json`,
      JSON.stringify({
        phases: { classify: summary },
        shipped: { phase: "classify" },
      }),
    );
    await use({ run, data, test: summary.test_accuracy! });
  } finally {
    await disk.remove(folder);
  }
}

Deno.test("Classifier has the run's own test accuracy, from the run folder and from the model file alone", async () => {
  await withRun(async ({ run, data, test }) => {
    ok(test > 0.3, `${test}`);
    const [checkpoint] = (await disk.list(`${run}/checkpoints`))
      .filter(({ kind }) => kind === "folder");
    const file = `${run}/checkpoints/${checkpoint!.name}/model.safetensors`;
    const { tensors } = await readSafetensorsFile(disk, file);
    deepStrictEqual(tensors.get("head.fc1.weight")!.shape, [16, 36]);
    deepStrictEqual(tensors.get("head_dist.fc3.weight")!.shape, [10, 8]);
    using device = await Device.open({ form: "register" });
    const places = [run, `${run}/checkpoints/${checkpoint!.name}`, file];
    for (const [i, place] of places.entries()) {
      const stored = await loadModel(disk, place);
      strictEqual(stored.info.classNames[3], "square_3");
      strictEqual(stored.info.images.padded, true);
      // Of 40 images a batch is not the 128 of many.
      using classifier = new Classifier(
        device,
        stored,
        i === 0 ? {} : { images: 40 },
      );
      strictEqual(classifier.rows, i === 0 ? 128 : 40);
      const set = await openLabelled(disk, { path: data, kind: "cifar10" });
      strictEqual(set.split, "test");
      const outputs = await runAll(
        classifier,
        batchesFor(stored.info, set.part, {
          // Batches that do not divide the set.
          rows: 40,
          skipped: [],
        }),
      );
      const { accuracy, count } = evaluateLogits(
        outputs.values,
        outputs.labels,
        outputs.width,
      );
      strictEqual(count, 150);
      strictEqual(accuracy, test, place);
    }

    const evaluated = await command(["evaluate", run, "--json"]);
    strictEqual(evaluated.code, 0, evaluated.stderr);
    const report = JSON.parse(evaluated.stdout);
    const split = JSON.parse(await disk.readText(`${run}/split.json`));
    await disk.write(
      `${run}/split.json`,
      JSON.stringify({ ...split, validation: [] }),
    );
    const none = await command(["evaluate", run, "--split=validation"]);
    strictEqual(none.code, 2);
    match(none.stderr, /it has no validation images/);
    strictEqual(report.accuracy, test);
    strictEqual(report.classes.length, 10);

    // A file is one model, and one without a trained head classifies nothing.
    await rejects(
      loadModel(disk, file, { phase: "classify" }),
      /Cannot use --phase with .*: it is one model/,
    );
    const stored = await loadModel(disk, run);
    const { shape, data: values } = stored.values.get("head.fc3.weight")!;
    const blank = { shape, data: new Float32Array(values.length) };
    stored.values.set("head.fc3.weight", blank);
    throws(
      () => new Classifier(device, stored),
      /its head has not learned any class/,
    );
    new Classifier(device, stored, { output: "feature" })[Symbol.dispose]();

    const pictures = `${run}/pictures`;
    await disk.makeFolder(`${pictures}/below`);
    const grey = encodePng(new Uint8Array(3 * 40 * 30).fill(90), {
      width: 40,
      height: 30,
    });
    await disk.write(`${pictures}/below/grey.png`, grey);
    await disk.write(`${pictures}/cut.png`, grey.subarray(0, 60));
    await disk.write(
      `${pictures}/table.csv`,
      "path,label\nbelow/grey.png,Square 3\nbelow/grey.png,\ncut.png,Square 3\n",
    );
    const out = `${pictures}/results/table`;
    const table = await command([
      "evaluate",
      file,
      `${pictures}/table.csv`,
      "--out",
      out,
    ]);
    strictEqual(table.code, 1, table.stderr);
    match(table.stdout, /table, all: 1 images, 1 skipped, 1 without a label/);
    match(table.stdout, /9 of 10 have no image here/);
    const [header, line] = (await disk.readText(`${out}/predictions.csv`))
      .split("\n");
    strictEqual(
      header,
      "index,name,label,prediction,confidence,class,predicted_class",
    );
    match(line!, /^0,below\/grey\.png,3,\d,0\.\d+,square_3,square_\d$/);
    const refused = await command([
      "predict",
      file,
      `${pictures}/below`,
      "--out",
      `${pictures}/cut.png/x.csv`,
    ]);
    strictEqual(refused.code, 2);
    match(
      refused.stderr,
      /^error: Cannot make the folder .*cut\.png: it is a/m,
    );

    const predicted = await command(["predict", file, pictures, "--json"]);
    strictEqual(predicted.code, 1, predicted.stderr);
    match(predicted.stderr, /skipped {2}.*cut\.png: /);
    const { pictures: found, skipped } = JSON.parse(predicted.stdout);
    deepStrictEqual(
      found.map(({ path }: { path: string }) => path),
      [`${pictures}/below/grey.png`],
    );
    strictEqual(found[0].top.length, 5);
    strictEqual(skipped.length, 1);
    ok(found[0].top[0].confidence >= found[0].top[1].confidence);

    const nothing = await command(["predict", file, `${pictures}/no.png`]);
    strictEqual(nothing.code, 2);
    match(nothing.stderr, /^error: Cannot read .*no\.png: it does not exist/);
  });
});

Deno.test("loadModel() says what is wrong when there is no model", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    await rejects(loadModel(disk, `${folder}/none`), /nothing is there/);
    await rejects(loadModel(disk, folder), /it has no config\.json/);
    await disk.write(`${folder}/config.json`, "{}");
    await rejects(loadModel(disk, folder), /no checkpoint that classifies/);
    await rejects(
      loadModel(disk, folder, { phase: "teacher" }),
      /no checkpoint of phase teacher/,
    );
  } finally {
    await disk.remove(folder);
  }
});

Deno.test("mapClasses() matches by name, else by position, else names what is missing", () => {
  const model = ["cat", "dog", "owl"];
  deepStrictEqual([...mapClasses(model, ["owl", "cat"]).classes], [2, 0]);
  const other = mapClasses(model, ["0", "1", "2"]);
  strictEqual(other.by, "position");
  deepStrictEqual([...other.classes], [0, 1, 2]);
  let text = "";
  try {
    mapClasses(model, ["cat", "cow"]);
  } catch (error) {
    text = String(error);
  }
  match(text, /the model has no class cow/);
  // A folder cannot be named like every class.
  const fashion = ["T-shirt/top", "Ankle boot", "C", "C++"];
  const loose = mapClasses(fashion, ["ankle boot", "t-shirt_top", "C++"]);
  deepStrictEqual([loose.by, ...loose.classes], ["name", 1, 0, 3]);
  throws(() => mapClasses(fashion, ["c"]), /has no class c/);
  throws(() => mapClasses(fashion, ["Ankle-boot", "ankle boot"]), /no class/);
});
