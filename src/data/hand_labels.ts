import { ConfigError } from "../env/mod.ts";
import { parseCsv } from "../run/mod.ts";
import type { DataSet, Split } from "./image_set.ts";
import { restOf } from "./split.ts";

/** Classes given by hand, by index into the training images. */
export type HandLabels = ReadonlyMap<number, number>;

/**
 * Parses a table with the columns `name` (or `path`) and `label`, as the page of
 * `label-queue` and `pseudo-label` write it. Lines without a label say nothing.
 *
 * @param options.path Of the table, for messages.
 * @param options.root Place of the data set: paths below it are names in it.
 * @throws {ConfigError} If a name or a class is not in the set.
 */
export function readHandLabels(
  text: string,
  { path, data, root }: {
    path: string;
    data: DataSet;
    root: string | undefined;
  },
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
  const { train, test, classNames } = data;
  for (let i = 0; i < train.count; i++) places.set(train.nameOf(i), i);
  const prefix = root === undefined ? "" : `${root.replace(/\/+$/, "")}/`;
  const labels = new Map<number, number>();
  rows.forEach((row, line) => {
    const text = row[labelColumn] ?? "";
    if (text === "") return;
    const full = row[nameColumn] ?? "";
    const name = prefix !== "" && full.startsWith(prefix)
      ? full.slice(prefix.length)
      : full;
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

/** The set with classes given by hand in the place of its own. */
export function withHandLabels(data: DataSet, labels: HandLabels): DataSet {
  if (labels.size === 0) return data;
  const own = Int32Array.from(data.train.labels);
  for (const [index, label] of labels) own[index] = label;
  return { ...data, train: { ...data.train, labels: own } };
}

/** The split with the images labelled by hand among the labelled ones; those held back stay so. */
export function joinHandLabels(split: Split, labels: HandLabels): Split {
  const held = new Set(split.validation);
  const labelled = Int32Array.from(
    new Set([
      ...split.labelled,
      ...[...labels.keys()].filter((index) => !held.has(index)),
    ]),
  ).sort();
  const count = split.labelled.length + split.unlabelled.length +
    split.validation.length;
  return {
    ...split,
    labelled,
    unlabelled: restOf(count, [labelled, split.validation]),
  };
}
