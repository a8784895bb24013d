import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import {
  type DataOptions,
  hashDataSet,
  loadDataSet,
} from "../../src/data/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { contentsOf, gzip, join, tarOf, withFiles } from "../helpers/mod.ts";

const { disk } = realEnv;

const OPTIONS: Omit<DataOptions, "kind"> = {
  imageSize: 0,
  testFraction: 0,
  seed: 1,
  trainPerClass: 0,
  testPerClass: 0,
};

/** Records whose pixel `i` of image `n` is `(7 n + i) % 251`. */
function records(first: number, labels: readonly (readonly number[])[]) {
  return join(...labels.map((label, n) =>
    join(
      Uint8Array.from(label),
      Uint8Array.from({ length: 3072 }, (_, i) => (7 * (first + n) + i) % 251),
    )
  ));
}

const NAMES = Array.from({ length: 10 }, (_, i) => `class${i}`).join("\n");

const CIFAR10 = {
  "data_batch_1.bin": records(0, [[0], [1], [0]]),
  "data_batch_2.bin": records(3, [[1], [9]]),
  "test_batch.bin": records(5, [[9], [0]]),
  "batches.meta.txt": `${NAMES}\n\n`,
};

/** The order of the published archive is not that of the names. */
function archiveOf(folder: string, files: Record<string, Uint8Array | string>) {
  return gzip(tarOf([
    { name: `${folder}/`, type: "5" },
    ...Object.entries(files).reverse().map(([name, data]) => ({
      name: `${folder}/${name}`,
      data,
    })),
    { name: `${folder}/readme.html`, data: "<html>" },
  ]));
}

Deno.test("loadDataSet() reads CIFAR-10 as a folder and as the published archive", async () => {
  const archive = archiveOf("cifar-10-batches-bin", CIFAR10);
  const inner = Object.fromEntries(
    Object.entries(CIFAR10).map(([name, data]) => [
      `in/cifar-10-batches-bin/${name}`,
      data,
    ]),
  );
  await withFiles(
    {
      ...CIFAR10,
      ...inner,
      "a.tar.gz": archive,
      "b/cifar-10-binary.tar.gz": archive,
    },
    async (folder) => {
      const all = await Promise.all(
        ["", "/in", "/a.tar.gz", "/b"].map((path) =>
          loadDataSet(disk, {
            ...OPTIONS,
            kind: "cifar10",
            path: folder + path,
          })
        ),
      );
      const [set] = all;
      for (const other of all) {
        deepStrictEqual(contentsOf(other), contentsOf(set!));
      }
      const { train, test, classNames, skipped } = set!;
      deepStrictEqual([...train.labels], [0, 1, 0, 1, 9]);
      deepStrictEqual([...test.labels], [9, 0]);
      deepStrictEqual([train.channels, train.height, train.width], [3, 32, 32]);
      strictEqual(classNames[9], "class9");
      deepStrictEqual(skipped, []);
      // Planes stay planes: image 4, green, row 1, column 2.
      strictEqual(train.pixels[4 * 3072 + 1024 + 34], (28 + 1024 + 34) % 251);
      strictEqual(test.pixels[3072], (7 * 6) % 251);
    },
  );
});

Deno.test("loadDataSet() takes the first images of each class in file order", async () => {
  await withFiles(CIFAR10, async (path) => {
    const set = await loadDataSet(disk, {
      ...OPTIONS,
      kind: "cifar10",
      path,
      trainPerClass: 1,
      testPerClass: 1,
    });
    deepStrictEqual([...set.train.labels], [0, 1, 9]);
    deepStrictEqual(
      [0, 1, 2].map((n) => set.train.pixels[n * 3072]),
      [0, 7, 28],
    );
  });
});

Deno.test("loadDataSet() reads the fine labels of CIFAR-100", async () => {
  const fine = Array.from({ length: 100 }, (_, i) => `fine${i}`).join("\n");
  const files = {
    "train.bin": records(0, [[19, 99], [0, 1]]),
    "test.bin": records(2, [[3, 42]]),
    "fine_label_names.txt": fine,
    "coarse_label_names.txt": "coarse",
  };
  await withFiles(
    { ...files, "a/x.tar.gz": archiveOf("cifar-100-binary", files) },
    async (folder) => {
      for (const path of [folder, `${folder}/a/x.tar.gz`]) {
        const set = await loadDataSet(disk, {
          ...OPTIONS,
          kind: "cifar100",
          path,
          imageSize: 16,
        });
        deepStrictEqual([...set.train.labels], [99, 1]);
        deepStrictEqual([...set.test.labels], [42]);
        deepStrictEqual([set.train.height, set.train.width], [16, 16]);
        strictEqual(set.classNames.length, 100);
        strictEqual(set.classNames[99], "fine99");
      }
    },
  );
});

Deno.test("loadDataSet() refuses damaged CIFAR files with the figures", async () => {
  const cases: [Record<string, Uint8Array | string>, RegExp][] = [
    [{ "test_batch.bin": new Uint8Array(3072) }, /3072 bytes are no whole/],
    [{ "test_batch.bin": "" }, /0 bytes are no whole number/],
    [{ "data_batch_2.bin": records(0, [[10]]) }, /record 0 has label 10/],
    [{ "data_batch_4.bin": records(0, [[1]]) }, /data_batch_3\.bin/],
  ];
  for (const [change, reason] of cases) {
    await withFiles({ ...CIFAR10, ...change }, async (path) => {
      await rejects(
        loadDataSet(disk, { ...OPTIONS, kind: "cifar10", path }),
        (error) => error instanceof ConfigError && reason.test(error.message),
      );
    });
  }
  await withFiles({ "batches.meta.txt": NAMES }, async (path) => {
    await rejects(
      loadDataSet(disk, { ...OPTIONS, kind: "cifar10", path }),
      /has no data_batch_1\.bin/,
    );
  });
});

Deno.test("loadDataSet() refuses archives that are no archives", async () => {
  const archive = archiveOf("cifar-10-batches-bin", CIFAR10);
  const evil = gzip(tarOf([{ name: "../data_batch_1.bin", data: "x" }]));
  const bomb = gzipSync(new Uint8Array(600 * 1024 * 1024), { level: 1 });
  const cases: [string, Uint8Array | string, RegExp][] = [
    [
      "page.tar.gz",
      "<!DOCTYPE html><html></html>",
      /28 bytes that start with the text "<!DOCTYPE html>/,
    ],
    ["binary.tar.gz", Uint8Array.of(0, 1, 2), /start with the bytes 00 01 02/],
    ["empty.tar.gz", "", /no gzip file, 0 bytes/],
    [
      "cut.tar.gz",
      archive.subarray(0, archive.length >> 1),
      /damaged or cut off/,
    ],
    ["evil.tar.gz", evil, /leads out of the archive/],
    ["bomb.tar.gz", bomb, /unpacks to more than/],
  ];
  await withFiles(
    Object.fromEntries(cases.map(([name, data]) => [name, data])),
    async (folder) => {
      for (const [name, , reason] of cases) {
        const path = `${folder}/${name}`;
        await rejects(
          loadDataSet(disk, { ...OPTIONS, kind: "cifar10", path }),
          (error) => {
            ok(error instanceof ConfigError, `${name}: ${error}`);
            ok(reason.test(error.message), error.message);
            ok(error.hint?.includes("170052171 bytes, MD5 c32a1d4a"));
            return true;
          },
        );
        deepStrictEqual(
          [...Deno.readDirSync(folder)].length,
          cases.length,
          "nothing was written",
        );
      }
    },
  );
});

Deno.test("loadDataSet() reads or throws ConfigError for any change of an archive", async () => {
  const archive = archiveOf("cifar-10-batches-bin", CIFAR10);
  await withFiles({ "a.tar.gz": archive }, async (folder) => {
    const path = `${folder}/a.tar.gz`;
    const expected = hashDataSet(
      await loadDataSet(disk, { ...OPTIONS, kind: "cifar10", path }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.nat(archive.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, flip, cut) => {
          const changed = cut ? archive.slice(0, at) : archive.slice();
          if (!cut) changed[at]! ^= flip;
          await Deno.writeFile(path, changed);
          try {
            const set = await loadDataSet(disk, {
              ...OPTIONS,
              kind: "cifar10",
              path,
            });
            // gzip ignores some bits: its time stamp, the padding of a block.
            ok(!cut);
            strictEqual(hashDataSet(set), expected);
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

Deno.test("loadDataSet() names the place and the cure when data is missing", async () => {
  for (const kind of ["cifar10", "mnist", "folder", "csv"] as const) {
    await rejects(
      loadDataSet(disk, { ...OPTIONS, kind, path: "no/such/folder" }),
      (error) => {
        ok(error instanceof ConfigError);
        ok(/no\/such\/folder does not exist/.test(error.message));
        ok(error.hint?.includes("README.md"));
        return true;
      },
    );
  }
  await rejects(
    loadDataSet(disk, { ...OPTIONS, kind: "fashion-mnist", path: "no/such" }),
    (error) =>
      error instanceof ConfigError &&
      error.hint === "Run: sh cluster/run.sh data fetch fashion-mnist",
  );
});
