import { ConfigError } from "../env/mod.ts";
import { shuffle } from "../random.ts";
import { membersOf } from "./members.ts";
import { TEST_SPLIT_PURPOSE } from "./purposes.ts";
import { pickFrom, type Source } from "./source.ts";

/**
 * The source itself when it has a test part; else the same fraction of each class
 * of its training images, chosen by the seed, becomes the test part.
 */
export function withTestPart(
  source: Source,
  { path, testFraction, seed }: {
    path: string;
    testFraction: number;
    seed: number;
  },
): Source & { test: NonNullable<Source["test"]> } {
  const { train, test, classNames } = source;
  if (test) return { ...source, test };
  if (!(testFraction > 0 && testFraction < 1)) {
    throw new ConfigError(`Cannot read ${path}: it has no test part`, {
      hint:
        "Add test/<class>/ (or test.csv), or set data.testFraction=0.2 to hold out a fifth of each class",
    });
  }
  const held = new Uint8Array(train.labels.length);
  membersOf(train.labels, classNames.length).forEach((members, label) => {
    const order = shuffle(members.length, seed, TEST_SPLIT_PURPOSE, label);
    // One at least is left to learn from.
    const count = Math.min(
      Math.round(members.length * testFraction),
      members.length - 1,
    );
    for (const i of order.subarray(0, count)) held[members[i]!] = 1;
  });
  const indices = Array.from(held, (_, i) => i);
  return {
    ...source,
    train: pickFrom(train, indices.filter((i) => !held[i])),
    test: pickFrom(train, indices.filter((i) => held[i])),
  };
}
