import { ConfigError } from "../env/mod.ts";
import { shuffle } from "../random.ts";
import type { ImageSet, Split } from "./image_set.ts";
import { membersOf } from "./members.ts";
import { SPLIT_PURPOSE } from "./purposes.ts";

export interface SplitOptions {
  seed: number;
  /** Labelled training images of each class; 0 = all that validation leaves. */
  labelsPerClass: number;
  /** Validation images of each class; drawn first, so they stay when labels change. */
  validationPerClass: number;
}

function checkCount(key: string, value: number): void {
  if (!Number.isInteger(value) || value < 0) {
    throw new ConfigError(
      `Cannot split data: data.${key} must be a whole number >= 0: current value is ${value}`,
    );
  }
}

/** Indices below `count` that are in none of the groups, ascending. */
export function restOf(
  count: number,
  groups: readonly Int32Array[],
): Int32Array {
  const used = new Uint8Array(count);
  for (const group of groups) for (const i of group) used[i] = 1;
  return Int32Array.from(
    Array.from(used, (_, i) => i).filter((i) => !used[i]),
  );
}

/** What a split looks at. */
export interface SplitSource {
  name: string;
  classNames: readonly string[];
  train: Pick<ImageSet, "labels" | "count">;
  test: Pick<ImageSet, "count">;
}

/**
 * Draws validation and labelled images from each class of the training part.
 * With one seed the first `n` labelled images of a class are also among its first
 * `n + 1`, and validation does not depend on how many are labelled.
 */
export function splitDataSet(
  dataSet: SplitSource,
  { seed, labelsPerClass, validationPerClass }: SplitOptions,
): Split {
  checkCount("labelsPerClass", labelsPerClass);
  checkCount("validationPerClass", validationPerClass);
  const { train, test, classNames } = dataSet;
  const members = membersOf(train.labels, classNames.length);
  const validation: number[] = [];
  const labelled: number[] = [];
  const tooFew: string[] = [];
  let emptyClasses = 0;
  members.forEach((own, label) => {
    // At least one labelled image must remain when all are to be labelled.
    const wanted = validationPerClass + Math.max(1, labelsPerClass);
    if (own.length < wanted) {
      tooFew.push(`${classNames[label]} ${own.length}`);
      if (own.length === 0) emptyClasses++;
      return;
    }
    const order = shuffle(own.length, seed, SPLIT_PURPOSE, label);
    const last = labelsPerClass === 0 ? own.length : wanted;
    order.subarray(0, last).forEach((at, rank) =>
      (rank < validationPerClass ? validation : labelled).push(own[at]!)
    );
  });
  if (tooFew.length > 0) {
    throw new ConfigError(
      `Cannot split ${dataSet.name}: each class needs ${validationPerClass} validation + ${
        Math.max(1, labelsPerClass)
      } labelled images, too few in ${tooFew.slice(0, 5).join(", ")}${
        tooFew.length > 5 ? ` and ${tooFew.length - 5} more` : ""
      }`,
      {
        hint: emptyClasses > 0
          ? `Remove the classes without an image (${emptyClasses}), or see with deno task data check which images cannot be read`
          : "Lower data.labelsPerClass or data.validationPerClass, or raise data.trainPerClass",
      },
    );
  }
  const sorted = (indices: number[]) => Int32Array.from(indices).sort();
  const groups = [sorted(labelled), sorted(validation)] as const;
  return {
    seed,
    labelled: groups[0],
    unlabelled: restOf(train.count, groups),
    validation: groups[1],
    test: Int32Array.from({ length: test.count }, (_, i) => i),
  };
}
