import {
  type DataSet,
  fitPicture,
  type ImageSet,
  type Split,
} from "../data/mod.ts";
import { fitRidge } from "../evaluation/mod.ts";

/** More labels make the closed form slow, and it is no floor for few labels any more. */
const MOST_LABELS = 1000;

/** Larger images are shrunk to this side. */
const SIDE = 32;
/** Test images between two signs of life. */
const SHARE = 256;

/**
 * Test accuracy of ridge regression on the pixels of the labelled images: what
 * needs no network at all. Undefined with many labels.
 */
export function pixelFloor(
  data: DataSet,
  split: Split,
  onBatch: () => void = () => {},
): number | undefined {
  const { train, test, classNames } = data;
  if (split.labelled.length > MOST_LABELS || split.test.length === 0) {
    return undefined;
  }
  const ridge = fitRidge(
    [...split.labelled].map((index) => standardised(train, index)),
    split.labelled.map((index) => train.labels[index]!),
    classNames.length,
    onBatch,
  );
  let hits = 0;
  for (const [i, index] of split.test.entries()) {
    if (i % SHARE === 0) onBatch();
    const scores = ridge.predict(standardised(test, index));
    const best = scores.indexOf(Math.max(...scores));
    if (best === test.labels[index]) hits++;
  }
  return hits / split.test.length;
}

/** An image's pixels, at most 32x32, with mean 0 and deviation 1. */
function standardised(set: ImageSet, index: number): Float32Array {
  const bytes = set.channels * set.height * set.width;
  const stored = set.pixels.subarray(index * bytes, (index + 1) * bytes);
  const { pixels } = Math.max(set.height, set.width) <= SIDE
    ? { pixels: stored }
    : fitPicture({ ...set, pixels: stored }, {
      size: { width: SIDE, height: SIDE },
      fixed: false,
    });
  const size = pixels.length;
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
