import { relative } from "node:path";
import { ConfigError } from "../env/mod.ts";
import { parseCsv } from "../run/mod.ts";
import type { DataSet, Split } from "./image_set.ts";
import { restOf } from "./split.ts";

/** Classes given by hand, by index into the training images. */
export type HandLabels = ReadonlyMap<number, number>;

/**
 * Parses a table with the columns `name` (or `path`) and `label`, as the page of
 * `label-queue` and `pseudo-label` write it: names in the set, or paths to its files.
 * Lines without a label say nothing.
 *
 * @param options.path Of the table, for messages.
 * @throws {ConfigError} If a name or a class is not in the set.
 */
export function readHandLabels(
  text: string,
  { path, data }: { path: string; data: DataSet },
): HandLabels {
  const [header = [], ...rows] = parseCsv(text);
  const nameColumn = header.findIndex((name) => /^(name|path)$/.test(name));
  const labelColumn = header.indexOf("label");
  if (nameColumn < 0 || labelColumn < 0) {
    throw new ConfigError(
      `Cannot read data.labels ${path}: it needs the columns name and label`,
      {
        hint: `commas or semicolons part columns; its first line has ${
          header.slice(0, 5).join(" and ").slice(0, 80) || "none"
        }`,
      },
    );
  }
  const places = new Map<string, number>();
  const { root, train, test, classNames } = data;
  for (let i = 0; i < train.count; i++) places.set(train.nameOf(i), i);
  const labels = new Map<number, number>();
  rows.forEach((row, line) => {
    const text = row[labelColumn] ?? "";
    if (text === "") return;
    const full = row[nameColumn] ?? "";
    const name = root === undefined || places.has(full)
      ? full
      : relative(root, full);
    const refuse = (reason: string, hint?: string): never => {
      throw new ConfigError(
        `Cannot read data.labels ${path}: line ${line + 2}: ${reason}`,
        hint === undefined ? {} : { hint },
      );
    };
    const index = places.get(name);
    const label = classNames.indexOf(text);
    if (index === undefined) {
      const tested = Array.from({ length: test.count }, (_, i) => i)
        .some((i) => test.nameOf(i) === name);
      return refuse(
        tested
          ? `${name} is a test image`
          : `there is no training image ${full}`,
        `names look like ${train.nameOf(0)}`,
      );
    }
    if (label < 0) {
      return refuse(
        `there is no class ${text}`,
        `classes: ${classNames.slice(0, 20).join(", ")}`,
      );
    }
    labels.set(index, label);
  });
  return labels;
}

/** The labels by hand without those of images that are held back, which keep their own. */
export function withoutHeld(
  labels: HandLabels,
  { validation }: Split,
): HandLabels {
  const held = new Set(validation);
  return new Map([...labels].filter(([index]) => !held.has(index)));
}

/** The set with classes given by hand in the place of its own. */
export function withHandLabels(data: DataSet, labels: HandLabels): DataSet {
  if (labels.size === 0) return data;
  const own = Int32Array.from(data.train.labels);
  for (const [index, label] of labels) own[index] = label;
  return { ...data, train: { ...data.train, labels: own } };
}

/** The split with the images labelled by hand among the labelled ones. */
export function joinHandLabels(split: Split, labels: HandLabels): Split {
  const labelled = Int32Array.from(
    new Set([...split.labelled, ...labels.keys()]),
  ).sort();
  const count = split.labelled.length + split.unlabelled.length +
    split.validation.length;
  return {
    ...split,
    labelled,
    unlabelled: restOf(count, [labelled, split.validation]),
  };
}
