import type { DataSet, Split } from "../data/mod.ts";
import { CONSTANTS, type Normalisation } from "../training/mod.ts";

/** What `data.normalise` names: constants, or those of the data set. */
export function normalisationOf(
  name: "imagenet" | "half" | "dataset" | "image",
  data: DataSet,
  split: Split,
): Normalisation {
  if (name === "image") return { kind: "image" };
  if (name !== "dataset") return CONSTANTS[name];
  const { pixels, channels, height, width } = data.train;
  const size = height * width;
  const sums = new Float64Array(3);
  const squares = new Float64Array(3);
  let count = 0;
  for (const index of [...split.labelled, ...split.unlabelled]) {
    for (let c = 0; c < channels; c++) {
      const start = (index * channels + c) * size;
      for (let i = start; i < start + size; i++) {
        const value = pixels[i]! / 255;
        sums[c]! += value;
        squares[c]! += value * value;
      }
    }
    count += size;
  }
  // Gray images become three equal channels.
  const mean = Array.from(
    { length: 3 },
    (_, c) => sums[channels === 1 ? 0 : c]! / count,
  );
  // Of one colour alone rounding may leave less than nothing.
  const deviation = mean.map((m, c) =>
    Math.sqrt(Math.max(1e-6, squares[channels === 1 ? 0 : c]! / count - m * m))
  );
  return { kind: "constant", mean, deviation };
}
