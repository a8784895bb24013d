import type { DataSet, ImageSet } from "../../src/data/mod.ts";

/** A data set as values alone, so that two can be compared. */
export function contentsOf(set: DataSet): unknown {
  return { ...set, train: plain(set.train), test: plain(set.test) };
}

function plain({ nameOf, ...images }: ImageSet): unknown {
  const names = Array.from({ length: images.count }, (_, i) => nameOf(i));
  return { ...images, names };
}
