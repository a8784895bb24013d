import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import {
  type DataOptions,
  loadDataSet,
  openLabelled,
} from "../../src/data/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { contentsOf, plainPng, withFiles } from "../helpers/mod.ts";

const { disk } = realEnv;
const FIXTURE = "tests/fixtures/data/imagefolder";

const OPTIONS: Omit<DataOptions, "path"> = {
  kind: "folder",
  imageSize: 16,
  testFraction: 0,
  seed: 1,
  trainPerClass: 0,
  testPerClass: 0,
};

/** A picture whose red channel tells it from others. */
function picture(red: number): Uint8Array {
  return plainPng(4, 4, [red, 0, 255]);
}

/** First red byte of each image. */
function reds(
  { pixels, count, channels, height, width }: {
    pixels: Uint8Array;
    count: number;
    channels: number;
    height: number;
    width: number;
  },
): number[] {
  return Array.from(
    { length: count },
    (_, i) => pixels[i * channels * height * width]!,
  );
}

Deno.test("loadDataSet() loads all pictures of a folder, resized", async () => {
  const set = await loadDataSet(disk, {
    ...OPTIONS,
    path: FIXTURE,
    imageSize: 0,
  });
  deepStrictEqual(set.classNames, ["letter_a", "letter_e", "letter_h"]);
  deepStrictEqual([set.train.count, set.test.count], [45, 15]);
  deepStrictEqual(set.skipped, []);
  // The median shorter side of these sizes is 40: nearest multiple of 16.
  deepStrictEqual([set.train.width, set.train.height], [32, 32]);
  for (const part of [set.train, set.test]) {
    strictEqual(part.pixels.length, part.count * 3 * 32 * 32);
    for (let label = 0; label < 3; label++) {
      strictEqual(
        part.labels.filter((value) => value === label).length,
        part.count / 3,
      );
    }
  }
});

Deno.test("loadDataSet() skips damaged pictures by name and keeps the others", async () => {
  const odd = [...Deno.readDirSync(`${FIXTURE}/odd`)].map(({ name }) => name);
  const files = Object.fromEntries(
    odd.map((
      name,
    ) => [`train/zoo/${name}`, Deno.readFileSync(`${FIXTURE}/odd/${name}`)]),
  );
  await withFiles(
    { ...files, "test/zoo/a.png": picture(1), "train/.git/x.png": "x" },
    async (path) => {
      const lines: string[] = [];
      const { train, classNames, skipped } = await loadDataSet(disk, {
        ...OPTIONS,
        path,
        log: (line) => lines.push(line),
      });
      deepStrictEqual(classNames, ["zoo"]);
      deepStrictEqual(
        skipped.map((entry) => entry.path),
        odd.filter((name) => name.startsWith("bad_")).sort()
          .map((name) => `train/zoo/${name}`),
      );
      ok(skipped.every(({ reason }) => reason.length > 5));
      strictEqual(train.count, 18);
      deepStrictEqual(
        lines,
        skipped.map((entry) => `Skipped ${entry.path}: ${entry.reason}`),
      );
    },
  );
});

Deno.test("loadDataSet() counts only readable pictures as the first of a class", async () => {
  await withFiles({
    ...Object.fromEntries(
      Array.from({ length: 14 }, (_, i) => [`train/a/0${i}.png`, "damaged"]),
    ),
    "train/a/1.png": picture(1),
    "train/a/2.png": picture(2),
    "train/a/3.png": picture(3),
    "train/b/4.png": picture(4),
    "test/a/5.png": picture(5),
  }, async (path) => {
    const lines: string[] = [];
    const { train } = await loadDataSet(disk, {
      ...OPTIONS,
      path,
      trainPerClass: 2,
      log: (line) => lines.push(line),
    });
    deepStrictEqual(reds(train), [1, 2, 4]);
    strictEqual(lines.length, 11);
    match(lines[10]!, /^Skipped 4 more of 19 images: deno task data check /);
  });
});

Deno.test("loadDataSet() keeps unlabelled pictures with class -1", async () => {
  await withFiles({
    "train/a/1.png": picture(1),
    "unlabelled/2.png": picture(2),
    "unlabelled/3.png": picture(3),
    "test/a/4.png": picture(4),
  }, async (path) => {
    const { train } = await loadDataSet(disk, {
      ...OPTIONS,
      path,
      trainPerClass: 1,
    });
    deepStrictEqual([...train.labels], [0, -1, -1]);
    deepStrictEqual(reds(train), [1, 2, 3]);
  });
});

Deno.test("loadDataSet() needs a test folder or testFraction", async () => {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 10; i++) {
    files[`train/a/${i}.png`] = picture(i);
    files[`train/b/${i}.png`] = picture(100 + i);
  }
  await withFiles(files, async (path) => {
    await rejects(loadDataSet(disk, { ...OPTIONS, path }), (error) => {
      ok(error instanceof ConfigError);
      strictEqual(error.exitCode, 2);
      ok(error.hint?.includes("data.testFraction"));
      return true;
    });
    const load = (seed: number) =>
      loadDataSet(disk, { ...OPTIONS, path, testFraction: 0.3, seed });
    const set = await load(1);
    deepStrictEqual([...set.test.labels], [0, 0, 0, 1, 1, 1]);
    deepStrictEqual(
      [...reds(set.train), ...reds(set.test)].sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, i) => i < 10 ? i : 90 + i),
    );
    deepStrictEqual(contentsOf(await load(1)), contentsOf(set));
    ok(String(reds((await load(2)).test)) !== String(reds(set.test)));
  });
});

Deno.test("loadDataSet() leaves each class an image to learn from when it makes a test part", async () => {
  const files = {
    "a/1.png": picture(1),
    "b/1.png": picture(2),
    "b/2.png": picture(3),
  };
  await withFiles(files, async (path) => {
    const set = await loadDataSet(disk, {
      ...OPTIONS,
      path,
      testFraction: 0.9,
    });
    deepStrictEqual([...set.train.labels], [0, 1]);
    deepStrictEqual([...set.test.labels], [1]);
  });
});

Deno.test("loadDataSet() takes the folders of a folder without train/ and test/ as classes", async () => {
  const files: Record<string, Uint8Array> = { "loose.png": picture(200) };
  for (let i = 0; i < 4; i++) {
    files[`größe ä/${i}.png`] = picture(i);
    files[`a, "b"/${i}.png`] = picture(100 + i);
    files[`unlabelled/${i}.png`] = picture(210 + i);
  }
  await withFiles(files, async (path) => {
    const { classNames, train, test } = await loadDataSet(disk, {
      ...OPTIONS,
      path,
      testFraction: 0.5,
    });
    deepStrictEqual(classNames, ['a, "b"', "größe ä"]);
    deepStrictEqual([...train.labels], [0, 0, 1, 1, -1, -1, -1, -1, -1]);
    deepStrictEqual([...test.labels], [0, 0, 1, 1]);
    deepStrictEqual(reds(train).slice(4), [200, 210, 211, 212, 213]);
  });
});

Deno.test("loadDataSet() names links to nothing, folders inside classes and names that are not UTF-8", async () => {
  await withFiles({
    "train/a/1.png": picture(1),
    "train/a/deep/2.png": picture(2),
    "train/a/.hidden/3.png": picture(3),
    "test/a/4.png": picture(4),
  }, async (path) => {
    const inA = (name: string) => `${path}/train/a/${name}`;
    await Deno.symlink("../../test/a/4.png", inA("link.png"));
    await Deno.symlink("loop.png", inA("loop.png"));
    await Deno.symlink("nowhere", inA("gone.png"));
    await Deno.symlink("nowhere", inA("gone.txt"));
    const sh = (script: string) =>
      new Deno.Command("sh", { args: ["-c", script], cwd: path }).output();
    await sh("cp train/a/1.png train/a/\"$(printf 'caf\\351')\".png");
    const { train, skipped } = await loadDataSet(disk, { ...OPTIONS, path });
    deepStrictEqual(reds(train), [1, 4]);
    deepStrictEqual(
      skipped.map(({ path, reason }) => [path.slice(8), reason]),
      [
        ["caf\ufffd.png", "its name is not UTF-8; rename it"],
        ["deep", "it is a folder, whose pictures are not read"],
        ["gone.png", "file does not exist"],
        ["loop.png", "file does not exist"],
      ],
    );
    await sh("mv train/a train/\"$(printf 'caf\\351')\"");
    await rejects(
      loadDataSet(disk, { ...OPTIONS, path }),
      /Cannot list .*: its name is not UTF-8/,
    );
  });
});

Deno.test("loadDataSet() refuses folders that are no data set", async () => {
  const cases: [Record<string, Uint8Array | string>, RegExp][] = [
    [{ "1.png": picture(1) }, /has no folder train/],
    [{ "a/1.png": picture(1) }, /it has no test part/],
    [
      { "a/1.png": picture(1), "test/a/1.png": picture(1) },
      /has no folder train/,
    ],
    [{ "train/a/notes.txt": "x" }, /1 class folders and no pictures/],
    [
      { "train/a/1.png": picture(1), "test/b/1.png": picture(1) },
      /no class b in/,
    ],
    [
      { "train/a/1.png": "x", "test/a/1.png": picture(1) },
      /none of its train images can be read/,
    ],
  ];
  for (const [files, reason] of cases) {
    await withFiles(files, async (path) => {
      await rejects(
        loadDataSet(disk, { ...OPTIONS, path }),
        (error) => error instanceof ConfigError && reason.test(error.message),
      );
    });
  }
});

Deno.test("loadDataSet() says that ~ is no path after an equals sign", async () => {
  await rejects(
    loadDataSet(disk, { ...OPTIONS, path: "~/images" }),
    (error) => error instanceof ConfigError && /\$HOME/.test(error.hint ?? ""),
  );
});

Deno.test("loadDataSet() rejects with the signal's reason when aborted", async () => {
  const signal = AbortSignal.abort(new Error("stop"));
  await rejects(
    loadDataSet(disk, { ...OPTIONS, path: FIXTURE, signal }),
    /stop/,
  );
});

Deno.test("loadDataSet() reads tables of paths and labels", async () => {
  await withFiles({
    "train.csv":
      '\ufeffpath,label\r\nimg/1.png,dog\r\n"img/a, ""b"".png",cat\nimg/3.png,\n\nimg/none.png,cat\n',
    "test.csv": "img/4.png,dog\n",
    "img/1.png": picture(1),
    'img/a, "b".png': picture(2),
    "img/3.png": picture(3),
    "img/4.png": picture(4),
    "one.csv": "File_name,Class\nimg/1.png,x\nimg/3.png,x\n",
    "excel.csv":
      '\ufeffpath;score;label\r\nimg/1.png;0,93;dog, wet\r\nimg/4.png;0,5;"x;y"\r\nimg/3.png;1;dog, wet\r\n',
    "more.csv":
      ',label,id,path\r\n0,dog,7,img/1.png\r\n1,"a\nb",8,"img/3.png"\r\n',
  }, async (path) => {
    const set = await loadDataSet(disk, { ...OPTIONS, kind: "csv", path });
    deepStrictEqual(set.classNames, ["cat", "dog"]);
    deepStrictEqual([...set.train.labels], [1, 0, -1]);
    deepStrictEqual(reds(set.train), [1, 2, 3]);
    deepStrictEqual([...set.test.labels], [1]);
    deepStrictEqual(set.skipped, [
      { part: "train", path: "img/none.png", reason: "file does not exist" },
    ]);
    const one = await loadDataSet(disk, {
      ...OPTIONS,
      kind: "csv",
      path: `${path}/one.csv`,
      testFraction: 0.5,
    });
    deepStrictEqual([one.train.count, one.test.count], [1, 1]);
    // As Excel writes it where numbers have a comma.
    const again = await loadDataSet(disk, {
      ...OPTIONS,
      kind: "csv",
      path: `${path}/excel.csv`,
      testFraction: 0.5,
    });
    deepStrictEqual(again.classNames, ["dog, wet", "x;y"]);
    deepStrictEqual(again.train.count + again.test.count, 3);
    const { part, classNames } = await openLabelled(disk, {
      path: `${path}/more.csv`,
    });
    deepStrictEqual(classNames, ["a\nb", "dog"]);
    deepStrictEqual([...part.labels], [1, 0]);
    strictEqual(part.nameOf(1), "img/3.png");
  });
});

Deno.test("loadDataSet() refuses tables with lines it cannot read", async () => {
  const good = "a.png,x\n";
  const cases: [string, string, RegExp][] = [
    ["a.png,x,y\n", good, /line 1 is not path,label/],
    ['a.png,x\n"b.png,x\n', good, /line 2 is not path,label/],
    ["a.png,\n", good, /none of its 1 lines has a label/],
    ["a.png\tx\n", good, /with a comma or a semicolon, not a tab/],
    [good, "a.png,y\n", /a\.png has class y, which no training picture has/],
    [good, "a.png\n", /a\.png has no label, a test needs one/],
  ];
  for (const [train, test, reason] of cases) {
    await withFiles(
      { "train.csv": train, "test.csv": test, "a.png": picture(1) },
      async (path) => {
        await rejects(
          loadDataSet(disk, { ...OPTIONS, kind: "csv", path }),
          (error) =>
            error instanceof ConfigError &&
            reason.test(`${error.message} ${error.hint}`),
        );
      },
    );
  }
});
