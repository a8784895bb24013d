import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { batchesFor } from "../../src/classifier/mod.ts";
import {
  findDuplicates,
  openLabelled,
  picturesAt,
  picturesByName,
  readBatches,
  type SkippedImage,
} from "../../src/data/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import { Provenance } from "../../src/phases/mod.ts";
import { idxFile, plainPng, withFiles } from "../helpers/mod.ts";

const { disk } = realEnv;
const RED = plainPng(4, 4, [200, 0, 0]);
const BLUE = plainPng(6, 2, [0, 0, 200]);

Deno.test("openLabelled() opens class folders, the test part, or a table", async () => {
  await withFiles({
    "bare/cat/a.png": RED,
    "bare/dog/b.png": BLUE,
    "parted/train/cat/a.png": RED,
    "parted/train/dog/b.png": BLUE,
    "parted/test/dog/c.png": BLUE,
    "imagenet/train/cat/a.png": RED,
    "imagenet/val/cat/b.png": BLUE,
    "tested/test/dog/c.png": BLUE,
    "tested/val/cat/b.png": BLUE,
    "shot/test/a.png": RED,
    "table/x.png": RED,
    "table/y.png": BLUE,
    "table/list.csv": "path,label\nx.png,cat\ny.png,\n",
  }, async (folder) => {
    const open = async (path: string, split?: "train" | "test") => {
      const set = await openLabelled(disk, {
        path: `${folder}/${path}`,
        split,
      });
      return [
        set.split,
        set.classNames.join(),
        [...set.part.labels].join(),
        set.part.nameOf(0),
      ];
    };
    deepStrictEqual(await open("bare"), ["all", "cat,dog", "0,1", "cat/a.png"]);
    deepStrictEqual(
      await open("parted"),
      ["test", "cat,dog", "1", "test/dog/c.png"],
    );
    deepStrictEqual(
      await open("parted", "train"),
      ["train", "cat,dog", "0,1", "train/cat/a.png"],
    );
    deepStrictEqual(
      await open("imagenet"),
      ["test", "cat", "0", "val/cat/b.png"],
    );
    deepStrictEqual(await open("tested"), ["test", "dog", "0", "dog/c.png"]);
    deepStrictEqual(
      await open("tested", "test"),
      ["test", "dog", "0", "dog/c.png"],
    );
    // A class of that name.
    deepStrictEqual(await open("shot"), ["all", "test", "0", "test/a.png"]);
    // Rows without a label are left out.
    deepStrictEqual(
      await open("table/list.csv"),
      ["all", "cat", "0", "x.png"],
    );
    await rejects(() => open("bare", "test"), /has no folder test/);
    await rejects(() => open("tested", "train"), /has no folder train/);
    await rejects(() => open("bare/cat"), /none of its 1 images has a label/);
  });
});

Deno.test("batchesFor() pads images as the model's training did, wherever they are from", async () => {
  const white = idxFile([1, 28, 28], new Uint8Array(784).fill(255));
  const label = idxFile([1], Uint8Array.of(0));
  await withFiles({
    "folder/cat/a.png": plainPng(28, 28, [255, 255, 255]),
    ...Object.fromEntries(
      ["train", "t10k"].flatMap((prefix) => [
        [`idx/${prefix}-images-idx3-ubyte`, white],
        [`idx/${prefix}-labels-idx1-ubyte`, label],
      ]),
    ),
  }, async (folder) => {
    for (const place of ["folder", "idx"]) {
      const { part } = await openLabelled(disk, { path: `${folder}/${place}` });
      for (const padded of [true, false]) {
        const images = { channels: 1, width: 32, height: 32, padded } as const;
        const [batch] = await Array.fromAsync(
          batchesFor({ images }, part, { rows: 2, skipped: [] }),
        );
        const corner = batch!.pixels[0];
        strictEqual(corner, padded ? 0 : 255, `${place}, ${padded}`);
        strictEqual(batch!.pixels[16 * 32 + 16], 255);
      }
    }
  });
});

Deno.test("readBatches() brings pictures to one form and names those that it leaves out", async () => {
  await withFiles({
    "a/red.png": RED,
    "a/deep/blue.png": BLUE,
    "a/broken.png": RED.subarray(0, 40),
    "a/.hidden.png": RED,
    "a/notes.txt": "no picture",
  }, async (folder) => {
    const part = await picturesAt(disk, [`${folder}/a`]);
    const skipped: SkippedImage[] = [];
    const batches = [];
    for await (
      const batch of readBatches(part, {
        size: { width: 2, height: 2 },
        fixed: false,
        channels: 1,
        rows: 1,
      }, skipped)
    ) batches.push(batch);
    deepStrictEqual(
      batches.map(({ count, nameOf }) => [count, nameOf(0)]),
      [[1, `${folder}/a/deep/blue.png`], [1, `${folder}/a/red.png`]],
    );
    // 0.114 and 0.299 of 200: brightness of blue and red.
    deepStrictEqual(
      batches.map(({ pixels }) => [...pixels]),
      [[23, 23, 23, 23], [60, 60, 60, 60]],
    );
    deepStrictEqual(
      skipped.map(({ path }) => path),
      [`${folder}/a/broken.png`],
    );
    await rejects(picturesAt(disk, [`${folder}/none`]), /does not exist/);
    await rejects(
      picturesAt(disk, [`${folder}/a/notes.txt`, `${folder}/b`]),
      /b: it does not exist/,
    );
  });
});

Deno.test("picturesAt() goes once into a folder that several links lead to, also into one above", async () => {
  await withFiles({ "a/b/red.png": RED }, async (folder) => {
    for (let i = 0; i < 3; i++) await Deno.symlink("..", `${folder}/a/b/${i}`);
    await Deno.symlink("loop.png", `${folder}/a/loop.png`);
    const { labels, nameOf } = await picturesAt(disk, [`${folder}/a`]);
    deepStrictEqual(
      Array.from(labels, (_, i) => nameOf(i)),
      [`${folder}/a/b/red.png`, `${folder}/a/loop.png`],
    );
  });
});

Deno.test("picturesByName() reads single pictures of a set", async () => {
  await withFiles({
    "train/cat/a.png": RED,
    "train/cat/b.png": RED,
    "test/cat/c.png": BLUE,
  }, async (folder) => {
    const found = await picturesByName(
      disk,
      { kind: "folder", path: folder },
      new Set(["train/cat/b.png", "test/cat/c.png", "train/cat/z.png"]),
    );
    deepStrictEqual([...found.keys()], ["train/cat/b.png", "test/cat/c.png"]);
    strictEqual(found.get("test/cat/c.png")!.width, 6);
  });
});

Deno.test("findDuplicates() groups equal images over both parts", () => {
  const part = (values: number[]) => ({
    pixels: Uint8Array.from(values.flatMap((value) => [value, 7])),
    count: values.length,
    channels: 1,
    height: 1,
    width: 2,
    labels: new Int32Array(values.length),
    nameOf: String,
  });
  const groups = findDuplicates({
    name: "tiny",
    classNames: ["a"],
    train: part([1, 2, 1, 3]),
    test: part([3, 4, 1]),
    skipped: [],
  });
  deepStrictEqual(groups, [
    [
      { part: "train", index: 0 },
      { part: "train", index: 2 },
      { part: "test", index: 2 },
    ],
    [{ part: "train", index: 3 }, { part: "test", index: 0 }],
  ]);
});

Deno.test("Provenance counts uses and label changes, each step once, also after a checkpoint", () => {
  const note = (to: Provenance, step: number, labels: number[]) =>
    to.note({ step, round: step }, Int32Array.of(0, 2), {
      labels: Int32Array.from(labels),
      weights: Float32Array.of(1, step === 0 ? 0 : 0.5),
    });
  const first = new Provenance(3);
  note(first, 0, [4, 5]);
  note(first, 1, [4, 6]);
  const second = new Provenance(3);
  second.restore(JSON.parse(JSON.stringify(first.save())));
  // The resumed phase prepares step 1 again.
  note(second, 1, [9, 9]);
  note(second, 2, [3, 5]);
  deepStrictEqual([0, 1, 2].map((at) => second.at(at)), [
    { firstUsed: 0, timesUsed: 3, timesSeen: 3, flips: 1 },
    { firstUsed: -1, timesUsed: 0, timesSeen: 0, flips: 0 },
    { firstUsed: 1, timesUsed: 2, timesSeen: 3, flips: 2 },
  ]);
  strictEqual(second.meanFlips, 1.5);
});
