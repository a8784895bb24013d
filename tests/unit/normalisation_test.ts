import { ok } from "node:assert";
import type { DataSet, Split } from "../../src/data/mod.ts";
import { normalisationOf } from "../../src/phases/normalisation.ts";
import { assertClose } from "../helpers/mod.ts";

/** Images of 5 x 7 pixels; the last one is held back. */
function dataSet(count: number, value: (i: number, channel: number) => number) {
  const [height, width, channels] = [5, 7, 3];
  const size = height * width;
  const pixels = Uint8Array.from(
    { length: count * channels * size },
    (_, i) => value(i, Math.floor(i / size) % channels),
  );
  const split = {
    labelled: Int32Array.of(0),
    unlabelled: Int32Array.from({ length: count - 2 }, (_, i) => i + 1),
  } as Split;
  const train = { pixels, channels, height, width, count };
  return { data: { train } as DataSet, split };
}

Deno.test("normalisationOf() takes mean and deviation of the images that are learned from", () => {
  const { data, split } = dataSet(4, (i) => i < 315 ? (i * 37) % 256 : 255);
  const found = normalisationOf("dataset", data, split);
  ok(found.kind === "constant");
  for (let c = 0; c < 3; c++) {
    const values = Array.from({ length: 3 * 35 }, (_, i) => {
      const at = (Math.floor(i / 35) * 3 + c) * 35 + i % 35;
      return ((at * 37) % 256) / 255;
    });
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) /
      values.length;
    assertClose([found.mean[c]!, found.deviation[c]!], [
      mean,
      Math.sqrt(variance),
    ], { rtol: 1e-12 });
  }
});

Deno.test("normalisationOf() has a deviation for channels of one colour", () => {
  for (let value = 0; value < 256; value++) {
    const { data, split } = dataSet(50, (_, channel) => value >> channel);
    const found = normalisationOf("dataset", data, split);
    ok(found.kind === "constant");
    assertClose(
      found.deviation,
      [1e-3, 1e-3, 1e-3],
      { rtol: 1e-12 },
      `value ${value}`,
    );
  }
});
