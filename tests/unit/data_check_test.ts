import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { checkDataSet } from "../../src/data/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { idxFile, join, plainPng, withFiles } from "../helpers/mod.ts";

const { disk } = realEnv;

Deno.test("checkDataSet() counts classes, sizes, damaged files and equal images", async () => {
  const red = plainPng(4, 4, [255, 0, 0]);
  await withFiles({
    "train/a/1.png": red,
    "train/a/2.png": plainPng(4, 4, [0, 9, 0]),
    "train/b/3.png": plainPng(6, 4, [255, 0, 0]),
    "train/b/4.png": "text",
    "unlabelled/5.png": plainPng(4, 4, [0, 9, 0]),
    "test/a/6.png": red,
  }, async (path) => {
    deepStrictEqual(await checkDataSet(disk, { path }), {
      kind: "folder",
      path,
      classes: 2,
      parts: [
        { name: "train", images: 4, perClass: { a: 2, b: 1 }, unlabelled: 1 },
        { name: "test", images: 1, perClass: { a: 1, b: 0 }, unlabelled: 0 },
      ],
      sizes: { "4x4": 4, "6x4": 1 },
      unreadable: [{
        path: "train/b/4.png",
        reason: "file is no PNG, JPEG, GIF, BMP or WebP picture",
      }],
      duplicates: [
        ["train: train/a/1.png", "test: test/a/6.png"],
        ["train: train/a/2.png", "train: unlabelled/5.png"],
      ],
      acrossParts: 1,
      nearDuplicates: [],
    });
  });
});

Deno.test("checkDataSet() lists the odd files of a folder without classes", async () => {
  const path = "tests/fixtures/data/imagefolder/odd";
  const { parts, unreadable } = await checkDataSet(disk, { path });
  strictEqual(parts[0]!.images, 18);
  deepStrictEqual(
    unreadable.map((entry) => entry.path.slice(0, 4)),
    Array(7).fill("bad_"),
  );
});

Deno.test("checkDataSet() reads class folders without train/, and pictures beside them", async () => {
  await withFiles({
    "cat/1.png": plainPng(4, 4, [255, 0, 0]),
    "owl/2.png": plainPng(4, 4, [0, 9, 0]),
    "3.png": plainPng(4, 4, [0, 0, 7]),
  }, async (path) => {
    const { classes, parts } = await checkDataSet(disk, { path });
    strictEqual(classes, 2);
    deepStrictEqual(parts, [
      { name: "train", images: 3, perClass: { cat: 1, owl: 1 }, unlabelled: 1 },
    ]);
  });
  await withFiles({ "notes.txt": "" }, async (path) => {
    await rejects(
      checkDataSet(disk, { path }),
      /Cannot read pictures from .*: there are none in it/,
    );
  });
});

Deno.test("checkDataSet() guesses the kind from the names", async () => {
  const labels = idxFile([1], Uint8Array.of(0));
  const image = idxFile([1, 2, 2], Uint8Array.of(1, 2, 3, 4));
  const record = new Uint8Array(3073);
  await withFiles({
    "i/train-images-idx3-ubyte": image,
    "i/train-labels-idx1-ubyte": labels,
    "i/t10k-images-idx3-ubyte": image,
    "i/t10k-labels-idx1-ubyte": labels,
    "c/data_batch_1.bin": record,
    "c/test_batch.bin": record,
    "d/train.bin": join(record, Uint8Array.of(0)),
    "d/test.bin": join(record, Uint8Array.of(1)),
    "t/train.csv": "a.png,x\n",
    "t/a.png": plainPng(2, 2, [1, 2, 3]),
    "t/list.csv": "a.png,x\n",
    "x.bin": record,
    // A name alone tells sets in the same files apart.
    "mnist/train-images-idx3-ubyte": image,
    "mnist/train-labels-idx1-ubyte": labels,
    "mnist/t10k-images-idx3-ubyte": image,
    "mnist/t10k-labels-idx1-ubyte": labels,
    "cifar10/train/cat/a.png": plainPng(2, 2, [1, 2, 3]),
    "cifar100/cat/a.png": plainPng(2, 2, [1, 2, 3]),
    "empty/cifar10/notes.txt": "",
  }, async (folder) => {
    const kinds = {
      i: "idx",
      c: "cifar10",
      d: "cifar100",
      t: "csv",
      mnist: "mnist",
      cifar10: "folder",
      cifar100: "folder",
    };
    for (const [name, kind] of Object.entries(kinds)) {
      const report = await checkDataSet(disk, { path: `${folder}/${name}` });
      strictEqual(report.kind, kind);
      strictEqual(report.parts[0]!.images, 1);
    }
    const list = await checkDataSet(disk, { path: `${folder}/t/list.csv` });
    strictEqual(list.kind, "csv");
    for (
      const [name, reason] of [
        ["x.bin", /kind is not clear/],
        ["none", /does not exist/],
        ["empty/cifar10", /has no data_batch_1.bin/],
      ] as const
    ) {
      await rejects(
        checkDataSet(disk, { path: `${folder}/${name}` }),
        (error) => {
          ok(error instanceof ConfigError);
          return reason.test(error.message);
        },
      );
    }
  });
});
