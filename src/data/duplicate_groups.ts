import { findDuplicates, type ImagePlace } from "./duplicates.ts";
import { comparedPicture } from "./compared_picture.ts";
import { COMPARED_PLANE, COMPARED_SIDE } from "./image_cells.ts";
import type { DataSet, ImageSet } from "./image_set.ts";
import { findNearDuplicates } from "./near_duplicates.ts";

/** An image that is in a data set more than once. */
export interface Duplicate extends ImagePlace {
  /** Correlation with the image of the group it is most like; 1 where pixels are equal. */
  likeness: number;
  /** It is most like the mirror image of one in the group. */
  mirrored: boolean;
}

/**
 * Groups of images that are equal, or nearly so where they play different parts: see
 * {@linkcode findNearDuplicates}.
 *
 * @param partOf Number of the part that an image plays.
 * @param onShare Called now and then while it works.
 */
export function findDuplicateGroups(
  data: DataSet,
  partOf: (place: ImagePlace) => number,
  onShare: () => void = () => {},
): Duplicate[][] {
  const { train, test } = data;
  const placeOf = (image: number): ImagePlace =>
    image < train.count
      ? { part: "train", index: image }
      : { part: "test", index: image - train.count };
  const found = new Map<number, { likeness: number; mirrored: boolean }>();
  const union = new Union();
  for (const group of findDuplicates(data)) {
    const images = group.map(({ part, index }) =>
      part === "train" ? index : train.count + index
    );
    for (const image of images) {
      found.set(image, { likeness: 1, mirrored: false });
      union.join(images[0]!, image);
    }
  }
  const [ofTrain, ofTest] = [comparable(train), comparable(test)];
  const pairs = findNearDuplicates({
    parts: Uint8Array.from(
      { length: train.count + test.count },
      (_, image) => partOf(placeOf(image)),
    ),
    at: (image) =>
      image < train.count ? ofTrain(image) : ofTest(image - train.count),
  }, onShare);
  for (const { first, second, likeness, mirrored } of pairs) {
    for (const image of [first, second]) {
      if ((found.get(image)?.likeness ?? 0) < likeness) {
        found.set(image, { likeness, mirrored });
      }
    }
    union.join(first, second);
  }
  const groups = new Map<number, Duplicate[]>();
  for (const image of [...found.keys()].sort((a, b) => a - b)) {
    const root = union.root(image);
    const group = groups.get(root) ?? [];
    group.push({ ...placeOf(image), ...found.get(image)! });
    groups.set(root, group);
  }
  return [...groups.values()];
}

/** The images of a set in the size they are compared at. */
function comparable(set: ImageSet): (index: number) => Uint8Array {
  const { pixels, channels, height, width, count } = set;
  const stored = channels * height * width;
  const compared = channels * COMPARED_PLANE;
  const fits = width === COMPARED_SIDE && height === COMPARED_SIDE;
  const all = fits ? pixels : new Uint8Array(count * compared);
  if (!fits) {
    for (let i = 0; i < count; i++) {
      const own = pixels.subarray(i * stored, (i + 1) * stored);
      const picture = { width, height, channels, pixels: own };
      all.set(comparedPicture(picture, channels), i * compared);
    }
  }
  return (index) => all.subarray(index * compared, (index + 1) * compared);
}

/** Joins numbers to sets. */
class Union {
  readonly #parents = new Map<number, number>();

  root(item: number): number {
    let root = item;
    for (;;) {
      const parent = this.#parents.get(root);
      if (parent === undefined) break;
      root = parent;
    }
    return root;
  }

  join(a: number, b: number): void {
    const [first, second] = [this.root(a), this.root(b)];
    // The smaller number is the root: groups come in the order of their first images.
    if (first !== second) {
      this.#parents.set(Math.max(first, second), Math.min(first, second));
    }
  }
}
