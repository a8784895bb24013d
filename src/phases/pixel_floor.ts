import type { DataSet, ImageSet, Split } from "../data/mod.ts";
import { fitRidge } from "../evaluation/mod.ts";

/** More labels make the closed form slow, and it is no floor for few labels any more. */
const MOST_LABELS = 1000;

/**
 * Test accuracy of ridge regression on the pixels of the labelled images: what
 * needs no network at all. Undefined with many labels.
 */
export function pixelFloor(
  data: DataSet,
  split: Split,
): number | undefined {
  const { train, test, classNames } = data;
  if (split.labelled.length > MOST_LABELS || split.test.length === 0) {
    return undefined;
  }
  const ridge = fitRidge(
    [...split.labelled].map((index) => standardised(train, index)),
    split.labelled.map((index) => train.labels[index]!),
    classNames.length,
  );
  let hits = 0;
  for (const index of split.test) {
    const scores = ridge.predict(standardised(test, index));
    const best = scores.indexOf(Math.max(...scores));
    if (best === test.labels[index]) hits++;
  }
  return hits / split.test.length;
}

/** An image's pixels with mean 0 and deviation 1. */
function standardised(set: ImageSet, index: number): Float32Array {
  const size = set.channels * set.height * set.width;
  const pixels = set.pixels.subarray(index * size, (index + 1) * size);
  let sum = 0;
  let squares = 0;
  for (const value of pixels) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / size;
  const deviation = Math.sqrt(Math.max(0, squares / size - mean * mean));
  return Float32Array.from(
    pixels,
    (value) => (value - mean) / Math.max(1, deviation),
  );
}
