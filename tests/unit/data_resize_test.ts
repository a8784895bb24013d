import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { resizeImage } from "../../src/data/mod.ts";
import { readSafetensors } from "../../src/run/mod.ts";
import { uniform } from "../helpers/mod.ts";

const path = "tests/fixtures/resize.safetensors";
const { tensors } = readSafetensors(Deno.readFileSync(path), path);
const sizes = [...tensors.keys()].filter((name) => name.includes("x"));

Deno.test("resizeImage() agrees with every size and filter of the fixture", () => {
  strictEqual(sizes.length, 6);
  const { shape, data } = tensors.get("in")!;
  const [height, width, channels] = shape as [number, number, number];
  for (const name of sizes) {
    const [filter, size] = name.split(".") as ["bilinear" | "bicubic", string];
    const [toWidth, toHeight] = size.split("x").map(Number) as [number, number];
    const expected = tensors.get(name)!;
    deepStrictEqual(expected.shape, [toHeight, toWidth, channels]);
    const result = resizeImage(data, {
      width,
      height,
      channels,
      toWidth,
      toHeight,
      filter,
    });
    strictEqual(result.length, expected.data.length);
    const worst = result.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - expected.data[i]!)),
      0,
    );
    ok(worst <= 1, `${name} differs by ${worst}`);
  }
});

Deno.test("resizeImage() keeps a picture of one colour", () => {
  for (const filter of ["bilinear", "bicubic"] as const) {
    for (const [toWidth, toHeight] of [[1, 1], [7, 3], [50, 2], [33, 129]]) {
      const result = resizeImage(new Uint8Array(13 * 5 * 2).fill(201), {
        width: 13,
        height: 5,
        channels: 2,
        toWidth: toWidth!,
        toHeight: toHeight!,
        filter,
      });
      strictEqual(result.length, toWidth! * toHeight! * 2);
      ok(result.every((value) => value === 201));
    }
  }
});

Deno.test("resizeImage() returns the pixels when the size stays", () => {
  const next = uniform(3);
  const pixels = Uint8Array.from({ length: 60 }, () => next() * 256);
  const size = { width: 4, height: 5, channels: 3, toWidth: 4, toHeight: 5 };
  deepStrictEqual(resizeImage(pixels, { ...size, filter: "bicubic" }), pixels);
});

Deno.test("resizeImage() throws when the size is not that of the pixels", () => {
  throws(
    () =>
      resizeImage(new Uint8Array(11), {
        width: 2,
        height: 2,
        channels: 3,
        toWidth: 1,
        toHeight: 1,
        filter: "bilinear",
      }),
    /2x2x3 is not 11 bytes/,
  );
});
