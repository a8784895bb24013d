import { crc32 } from "node:zlib";
import type { DataSet, ImageSet } from "./image_set.ts";

/** Where an image is: a part of a set and its index there. */
export interface ImagePlace {
  part: "train" | "test";
  index: number;
}

/** Groups of images with equal pixels, over both parts. */
export function findDuplicates({ train, test }: DataSet): ImagePlace[][] {
  const buckets = new Map<number, ImagePlace[]>();
  for (const part of ["train", "test"] as const) {
    const set = part === "train" ? train : test;
    for (let index = 0; index < set.count; index++) {
      const hash = crc32(pixelsOf(set, index));
      const bucket = buckets.get(hash);
      if (bucket) bucket.push({ part, index });
      else buckets.set(hash, [{ part, index }]);
    }
  }
  const pixels = ({ part, index }: ImagePlace) =>
    pixelsOf(part === "train" ? train : test, index);
  return [...buckets.values()].filter(({ length }) => length > 1)
    .flatMap((bucket) => groupEqual(bucket, pixels))
    .filter(({ length }) => length > 1);
}

/** A checksum may collide: equal pixels decide. */
function groupEqual(
  places: readonly ImagePlace[],
  pixels: (place: ImagePlace) => Uint8Array,
): ImagePlace[][] {
  const groups: ImagePlace[][] = [];
  for (const place of places) {
    const own = pixels(place);
    const group = groups.find(([first]) => equal(pixels(first!), own));
    if (group) group.push(place);
    else groups.push([place]);
  }
  return groups;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function pixelsOf(set: ImageSet, index: number): Uint8Array {
  const size = set.channels * set.height * set.width;
  return set.pixels.subarray(index * size, (index + 1) * size);
}
