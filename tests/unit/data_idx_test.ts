import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import fc from "fast-check";
import {
  type DataOptions,
  loadDataSet,
  splitDataSet,
} from "../../src/data/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { contentsOf, gzip, idxFile, withFiles } from "../helpers/mod.ts";

const { disk } = realEnv;

const OPTIONS: Omit<DataOptions, "path"> = {
  kind: "idx",
  imageSize: 0,
  testFraction: 0,
  seed: 1,
  trainPerClass: 0,
  testPerClass: 0,
};

function images(count: number, side: number): Uint8Array {
  return idxFile(
    [count, side, side],
    Uint8Array.from({ length: count * side * side }, (_, i) => 1 + i % 250),
  );
}

function filesOf(side: number, labels: readonly number[]) {
  const file = idxFile([labels.length], Uint8Array.from(labels));
  return {
    "train-images-idx3-ubyte": images(labels.length, side),
    "train-labels-idx1-ubyte": file,
    "t10k-images-idx3-ubyte": images(labels.length, side),
    "t10k-labels-idx1-ubyte": file,
  };
}

Deno.test("loadDataSet() reads IDX files, gzip or plain", async () => {
  const plain = filesOf(28, [0, 1, 9]);
  const packed = Object.fromEntries(
    Object.entries(plain).map(([name, data]) => [`gz/${name}.gz`, gzip(data)]),
  );
  const dotted = Object.fromEntries(
    Object.entries(plain).map(([name, data]) => [
      `dot/${name.replace("-idx", ".idx")}`,
      data,
    ]),
  );
  await withFiles({ ...plain, ...packed, ...dotted }, async (folder) => {
    const kind = "fashion-mnist";
    const all = await Promise.all(
      ["", "/gz", "/dot"].map((path) =>
        loadDataSet(disk, { ...OPTIONS, kind, path: folder + path })
      ),
    );
    for (const other of all) {
      deepStrictEqual(contentsOf(other), contentsOf(all[0]!));
    }
    const { train, classNames } = all[0]!;
    deepStrictEqual([...train.labels], [0, 1, 9]);
    strictEqual(classNames[9], "Ankle boot");
    deepStrictEqual([train.channels, train.height, train.width], [1, 32, 32]);
  });
});

Deno.test("loadDataSet() pads 28x28 to 32x32 with zeros around", async () => {
  await withFiles(filesOf(28, [0, 1]), async (path) => {
    for (const imageSize of [0, 32]) {
      const { train } = await loadDataSet(disk, {
        ...OPTIONS,
        path,
        imageSize,
      });
      for (let n = 0; n < 2; n++) {
        for (let y = 0; y < 32; y++) {
          for (let x = 0; x < 32; x++) {
            const inside = x >= 2 && x < 30 && y >= 2 && y < 30;
            const at = (n * 28 + y - 2) * 28 + x - 2;
            strictEqual(
              train.pixels[(n * 32 + y) * 32 + x],
              inside ? 1 + at % 250 : 0,
            );
          }
        }
      }
    }
    const raw = await loadDataSet(disk, { ...OPTIONS, path, imageSize: 28 });
    deepStrictEqual(
      raw.train.pixels,
      Uint8Array.from({ length: 2 * 784 }, (_, i) => 1 + i % 250),
    );
    const small = await loadDataSet(disk, { ...OPTIONS, path, imageSize: 14 });
    strictEqual(small.train.width, 14);
    ok(small.train.pixels.every((value) => value > 0), "resized, not padded");
  });
});

Deno.test("loadDataSet() takes the labels that occur in an idx set for its classes", async () => {
  await withFiles(filesOf(4, [11, 1, 2, 1]), async (path) => {
    const set = await loadDataSet(disk, { ...OPTIONS, path });
    deepStrictEqual(set.classNames, ["1", "2", "11"]);
    deepStrictEqual([...set.train.labels], [2, 0, 1, 0]);
    deepStrictEqual(set.test.labels, set.train.labels);
    const options = { seed: 1, labelsPerClass: 1, validationPerClass: 0 };
    strictEqual(splitDataSet(set, options).labelled.length, 3);
    await rejects(
      loadDataSet(disk, { ...OPTIONS, kind: "mnist", path }),
      /a label is 11, mnist has 10 classes/,
    );
  });
});

Deno.test("loadDataSet() refuses IDX files that lie about their size", async () => {
  const good = filesOf(8, [0, 1]);
  const claim = (...shape: number[]) => idxFile(shape, new Uint8Array(128));
  const cases: [string, Uint8Array, RegExp][] = [
    [
      "train-images-idx3-ubyte",
      claim(2, 8, 9),
      /128 bytes of data, its header claims 144/,
    ],
    ["train-images-idx3-ubyte", claim(2, 8, 7), /more data than the 112/],
    [
      "train-images-idx3-ubyte",
      claim(4294967295, 4000, 4000),
      /claims 4294967295 x 4000 x 4000/,
    ],
    ["train-images-idx3-ubyte", claim(1, 1, 5000), /sides of 4096/],
    ["train-images-idx3-ubyte", claim(0, 8, 8), /claims 0 x 8 x 8/],
    [
      "train-images-idx3-ubyte",
      claim(128),
      /starts with 2049, an IDX file of 3 axes with 2051/,
    ],
    ["train-images-idx3-ubyte", new Uint8Array(), /starts with 0/],
    ["train-images-idx3-ubyte", gzip(claim(2, 8, 9)), /128 bytes of data/],
    ["t10k-images-idx3-ubyte", images(2, 4), /8x8, test images 4x4/],
    [
      "t10k-labels-idx1-ubyte",
      idxFile([3], new Uint8Array(3)),
      /2 images, .* 3 labels/,
    ],
  ];
  for (const [name, data, reason] of cases) {
    await withFiles({ ...good, [name]: data }, async (path) => {
      await rejects(loadDataSet(disk, { ...OPTIONS, path }), (error) => {
        ok(error instanceof ConfigError, String(error));
        ok(reason.test(error.message), error.message);
        return true;
      });
    });
  }
  const { "t10k-labels-idx1-ubyte": _, ...missing } = good;
  await withFiles(missing, async (path) => {
    await rejects(
      loadDataSet(disk, { ...OPTIONS, path }),
      /has no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte\.gz/,
    );
  });
});

Deno.test("loadDataSet() reads or throws ConfigError for any change of IDX files", async () => {
  const good = filesOf(4, [0, 1, 2]);
  const names = Object.keys(good) as (keyof typeof good)[];
  await withFiles(good, async (path) => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.nat(24),
        fc.nat(255),
        fc.boolean(),
        fc.boolean(),
        async (name, at, value, cut, packed) => {
          const changed = cut ? good[name].slice(0, at) : good[name].slice();
          if (!cut && at < changed.length) changed[at] = value;
          await Deno.writeFile(
            `${path}/${name}`,
            packed ? gzip(changed) : changed,
          );
          try {
            const { train } = await loadDataSet(disk, { ...OPTIONS, path });
            strictEqual(
              train.pixels.length,
              train.count * train.height * train.width,
            );
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
          } finally {
            await Deno.writeFile(`${path}/${name}`, good[name]);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
