import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { relative, resolve } from "node:path";
import { loadSplitData, saveSplit } from "../../src/data/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import { plainPng, withFiles, writeTinyCifar } from "../helpers/mod.ts";

const { disk } = realEnv;

Deno.test("a run goes on with the labels by hand that it began with", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    const data = `${folder}/data`;
    await writeTinyCifar(data, { train: 6, test: 2 });
    const table = `${folder}/labels.csv`;
    const load = () =>
      loadSplitData(disk, {
        kind: "cifar10",
        path: data,
        imageSize: 0,
        testFraction: 0,
        seed: 4,
        trainPerClass: 0,
        testPerClass: 0,
        labelsPerClass: 1,
        validationPerClass: 1,
        labels: table,
      }, `${folder}/run`);
    await rejects(
      load(),
      /Cannot read data.labels .*labels.csv: it is no file/,
    );
    await disk.write(table, "name:label\ndata_batch_1.bin[3]:square_7\n");
    await rejects(load(), {
      message: /it needs the columns name and label/,
      hint: "commas or semicolons part columns; its first line has name:label",
    });
    await disk.write(table, "name;label\ndata_batch_1.bin[3];square_7\n");
    const first = await load();
    deepStrictEqual([...first.byHand], [[3, 7]]);
    await disk.makeFolder(`${folder}/run`);
    await saveSplit(disk, `${folder}/run`, first);

    await disk.write(table, "name,label\ndata_batch_1.bin[4],square_0\n");
    const again = await load();
    strictEqual(again.fresh, false);
    deepStrictEqual([...again.byHand], [[3, 7]]);
    deepStrictEqual(again.split, first.split);
    await disk.remove(table);
    deepStrictEqual((await load()).dataHash, first.dataHash);
  } finally {
    await disk.remove(folder);
  }
});

const PLAIN = {
  imageSize: 0,
  testFraction: 0.5,
  seed: 4,
  trainPerClass: 0,
  testPerClass: 0,
  labelsPerClass: 1,
  validationPerClass: 1,
} as const;

Deno.test("loadSplitData() takes labels by hand by names in the set and by paths to its files", async () => {
  const gray = plainPng(4, 4, [9, 9, 9]);
  await withFiles({
    ...Object.fromEntries(
      ["cat", "dog"].flatMap((name) =>
        [1, 2, 3, 4, 5, 6].map((i) => [`set/${name}/${i}.png`, gray])
      ),
    ),
    "set/unlabelled/x.png": gray,
    "set/unlabelled/y.png": gray,
    "set/list.csv": [
      ...["cat", "dog"].flatMap((name) =>
        [1, 2, 3, 4, 5, 6].map((i) => `${name}/${i}.png,${name}\n`)
      ),
      "unlabelled/x.png,\nunlabelled/y.png,\n",
    ].join(""),
  }, async (folder) => {
    const set = `${folder}/set`;
    const table = `${folder}/labels.csv`;
    for (
      const [kind, path] of [
        ["folder", set],
        ["folder", `${folder}/./set/`],
        ["folder", relative(Deno.cwd(), set)],
        ["csv", `${set}/list.csv`],
      ] as const
    ) {
      for (
        const name of [
          "unlabelled/x.png",
          `${set}/unlabelled/x.png`,
          `${set}//unlabelled/../unlabelled/x.png`,
          relative(Deno.cwd(), resolve(set, "unlabelled/x.png")),
        ]
      ) {
        await disk.write(table, `path,label\n${name},dog\n`);
        const { data, byHand, split } = await loadSplitData(
          disk,
          { ...PLAIN, kind, path, labels: table },
        );
        const [[index, label] = []] = [...byHand];
        strictEqual(data.train.nameOf(index!), "unlabelled/x.png", name);
        strictEqual(data.classNames[label!], "dog");
        ok(
          split.labelled.includes(index!) && !split.unlabelled.includes(index!),
        );
      }
    }
    await disk.write(table, `path,label\n${folder}/other/x.png,dog\n`);
    await rejects(
      loadSplitData(disk, {
        ...PLAIN,
        kind: "folder",
        path: set,
        labels: table,
      }),
      /line 2: there is no training image .*other\/x.png/,
    );
  });
});

Deno.test("loadSplitData() leaves validation images their own class, whatever a table says", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    const path = `${folder}/data`;
    await writeTinyCifar(path, { train: 6, test: 2 });
    const options = { ...PLAIN, kind: "cifar10", path } as const;
    const plain = await loadSplitData(disk, options);
    const { train, classNames } = plain.data;
    // As pseudo-label gives them for a whole set, all of one class.
    const labels = `${folder}/labels.csv`;
    await disk.write(
      labels,
      "name,label\n" +
        Array.from(
          train.labels,
          (_, i) => `${train.nameOf(i)},${classNames[0]}\n`,
        ).join(""),
    );
    const { data, byHand, split } = await loadSplitData(disk, {
      ...options,
      labels,
    });
    deepStrictEqual(split.validation, plain.split.validation);
    strictEqual(byHand.size, train.count - split.validation.length);
    strictEqual(split.unlabelled.length, 0);
    for (let i = 0; i < train.count; i++) {
      const held = split.validation.includes(i);
      strictEqual(data.train.labels[i], held ? train.labels[i] : 0);
    }
  } finally {
    await disk.remove(folder);
  }
});
