import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { type DataSet, findDuplicateGroups } from "../../src/data/mod.ts";
import { uniform } from "../helpers/mod.ts";

const SIDE = 32;
const PLANE = SIDE * SIDE;

type Pixel = (channel: number, x: number, y: number) => number;

/** A colourful picture of patches of several sizes, without borders. */
function scene(seed: number): Pixel {
  const next = uniform(seed);
  const waves = Array.from({ length: 8 }, () => ({
    kx: 1.6 * (next() - 0.5),
    ky: 1.6 * (next() - 0.5),
    phase: 6.3 * next(),
    strength: [0, 1, 2].map(() => 40 * (next() - 0.3)),
  }));
  return (channel, x, y) =>
    waves.reduce(
      (sum, { kx, ky, phase, strength }) =>
        sum + strength[channel]! * Math.sin(kx * x + ky * y + phase),
      128,
    );
}

function draw(pixel: Pixel): Uint8Array {
  return Uint8Array.from({ length: 3 * PLANE }, (_, i) => {
    const at = i % PLANE;
    const value = pixel(
      Math.floor(i / PLANE),
      at % SIDE,
      Math.floor(at / SIDE),
    );
    return Math.max(0, Math.min(255, Math.round(value)));
  });
}

function setOf(images: readonly Uint8Array[], labels: readonly number[]) {
  const pixels = new Uint8Array(images.length * 3 * PLANE);
  images.forEach((image, i) => pixels.set(image, i * 3 * PLANE));
  return {
    pixels,
    count: images.length,
    channels: 3,
    height: SIDE,
    width: SIDE,
    labels: Int32Array.from(labels),
    nameOf: String,
  };
}

/** Pictures of test images that show what a training image shows, and one that does not. */
const CHANGED: Record<string, (of: Pixel) => Pixel> = {
  equal: (of) => of,
  brighter: (of) => (c, x, y) => 1.15 * of(c, x, y) + 12,
  "coded anew": (of) => {
    const next = uniform(9);
    return (c, x, y) => of(c, x, y) + 12 * (next() - 0.5);
  },
  moved: (of) => (c, x, y) => of(c, x + 2, y - 1),
  mirrored: (of) => (c, x, y) => of(c, SIDE - 1 - x, y),
  "mirrored and moved": (of) => (c, x, y) => of(c, SIDE - x, y + 1),
  "of other colours": (of) => (c, x, y) => of((c + 1) % 3, x, y),
  "another half": (of) => (c, x, y) => of(c, x + (y < 16 ? 0 : 9), y),
};

Deno.test("findDuplicateGroups() finds images that were changed a little, and no others", () => {
  const scenes = Array.from({ length: 120 }, (_, i) => scene(1 + i));
  const names = Object.keys(CHANGED);
  const test = [
    ...Object.values(CHANGED).map((change, i) => change(scenes[10 * i]!)),
    ...Array.from({ length: 40 }, (_, i) => scene(1000 + i)),
  ].map(draw);
  const data: DataSet = {
    name: "scenes",
    classNames: ["scene"],
    train: setOf(scenes.map(draw), scenes.map(() => 0)),
    test: setOf(test, test.map(() => 0)),
    skipped: [],
  };
  let shares = 0;
  const groups = findDuplicateGroups(
    data,
    ({ part }) => part === "train" ? 0 : 1,
    () => shares++,
  );
  const found = groups.map(([first, second, ...more]) => {
    strictEqual(more.length, 0);
    strictEqual(first!.index, 10 * second!.index);
    ok(first!.likeness > 0.97, `${first!.likeness}`);
    strictEqual(first!.likeness === 1, second!.index === 0);
    return `${names[second!.index]}${second!.mirrored ? " (mirrored)" : ""}`;
  });
  deepStrictEqual(found, [
    "equal",
    "brighter",
    "coded anew",
    "moved",
    "mirrored (mirrored)",
    "mirrored and moved (mirrored)",
  ]);
  ok(shares > 2);
});

Deno.test("findDuplicateGroups() compares nearly equal images over parts only, and copes with flat ones", () => {
  const picture = scene(1);
  const brighter: Pixel = (c, x, y) => picture(c, x, y) + 9;
  const flat: Pixel = () => 50;
  const images = [picture, brighter, flat, flat].map(draw);
  const data = {
    name: "few",
    classNames: ["a", "b"],
    train: setOf(images, [0, 0, 0, 1]),
    test: setOf([], []),
    skipped: [],
  };
  // Equal images are found wherever they are.
  const group = (indices: number[]) =>
    indices.map((index) => ({ part: "train", index }));
  const found = (parts: number[]) =>
    findDuplicateGroups(data, ({ index }) => parts[index]!).map((members) =>
      members.map(({ part, index }) => ({ part, index }))
    );
  deepStrictEqual(found([0, 0, 0, 0]), [group([2, 3])]);
  deepStrictEqual(found([0, 1, 1, 0]), [group([0, 1]), group([2, 3])]);
});
