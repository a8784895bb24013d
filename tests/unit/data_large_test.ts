import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { checkLayout, encodePng, loadDataSet } from "../../src/data/mod.ts";
import { type Disk, realEnv } from "../../src/env/mod.ts";
import { join, uniform, withFiles } from "../helpers/mod.ts";

const { disk } = realEnv;

Deno.test("checkLayout() takes folders of more pictures than fit on the stack", async () => {
  const many = Array.from({ length: 200_000 }, (_, i) => ({
    name: `${i}.png`,
    kind: "file" as const,
  }));
  await withFiles({
    "parted/train/cat/a.png": "",
    "parted/train/dog/a.png": "",
    "parted/test/cat/a.png": "",
    "parted/unlabelled/a.png": "",
    "bare/cat/a.png": "",
    "bare/cat/b.png": "",
    "bare/cat/c.png": "",
    "bare/dog/a.png": "",
  }, async (folder) => {
    const crowded: Disk = {
      ...disk,
      list: (path) =>
        /(unlabelled|dog)$/.test(path)
          ? Promise.resolve(many)
          : disk.list(path),
    };
    const options = {
      kind: "folder",
      testFraction: 0.5,
      seed: 1,
      labelsPerClass: 1,
      validationPerClass: 0,
    } as const;
    const parted = await checkLayout(crowded, {
      ...options,
      path: `${folder}/parted`,
    });
    strictEqual(parted!.split.unlabelled.length, 2 * many.length - 1);
    const bare = await checkLayout(crowded, {
      ...options,
      path: `${folder}/bare`,
    });
    strictEqual(bare!.split.test.length, 2 + many.length / 2);
  });
});

Deno.test("loadDataSet() reads a large picture whole once, and finds a size that lies behind much else", async () => {
  const size = { width: 96, height: 96 };
  const next = uniform(1);
  const noise = Uint8Array.from(
    { length: 3 * 96 * 96 },
    () => Math.floor(256 * next()),
  );
  const png = encodePng(noise, size);
  ok(png.length > 20_000);
  const plain = await Deno.readFile(
    "tests/fixtures/data/imagefolder/odd/ok_gray.jpg",
  );
  const data = new Uint8Array(40_000);
  data.set([0xff, 0xe1, (data.length - 2) >> 8, (data.length - 2) & 255]);
  const jpeg = join(plain.subarray(0, 2), data, plain.subarray(2));
  await withFiles({
    "png/train/a/1.png": png,
    "png/test/a/2.png": png,
    "jpeg/train/a/1.jpg": jpeg,
    "jpeg/test/a/2.jpg": jpeg,
  }, async (folder) => {
    const read: string[] = [];
    const counted: Disk = {
      ...disk,
      read(path) {
        read.push(path.slice(folder.length + 1));
        return disk.read(path);
      },
    };
    const load = (path: string) =>
      loadDataSet(counted, {
        kind: "folder",
        imageSize: 0,
        testFraction: 0,
        seed: 1,
        trainPerClass: 0,
        testPerClass: 0,
        path: `${folder}/${path}`,
      });
    strictEqual((await load("png")).train.width, 96);
    deepStrictEqual(read, ["png/train/a/1.png", "png/test/a/2.png"]);
    strictEqual((await load("jpeg")).train.width, 48);
  });
});
