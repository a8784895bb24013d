import type { Disk } from "../env/mod.ts";
import type { Split } from "./image_set.ts";
import { type DataOptions, openSource } from "./load_data_set.ts";
import { locateData } from "./locate.ts";
import { splitDataSet, type SplitOptions } from "./split.ts";
import { withTestPart } from "./test_split.ts";

/**
 * Looks whether a set can be there: for pictures in files, whose names alone tell
 * classes and parts, also whether those are enough. No picture is opened, so that
 * loading may still find too few of them.
 *
 * @returns How its images would be split, where names tell that.
 * @throws {ConfigError} If the set cannot be used.
 */
export async function checkLayout(
  disk: Disk,
  options:
    & Pick<DataOptions, "kind" | "path" | "testFraction" | "seed">
    & SplitOptions,
): Promise<
  { name: string; classNames: readonly string[]; split: Split } | undefined
> {
  const { kind } = options;
  const place = await locateData(disk, { kind, path: options.path });
  if (kind !== "folder" && kind !== "csv") return undefined;
  const source = withTestPart(await openSource(disk, { kind, place }), {
    ...options,
    path: place.path,
  });
  const { name, classNames, train, test } = source;
  const split = splitDataSet({
    name,
    classNames,
    train: { labels: train.labels, count: train.labels.length },
    test: { count: test.labels.length },
  }, options);
  return { name, classNames, split };
}
