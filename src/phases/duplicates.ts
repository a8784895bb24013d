import { findDuplicateGroups } from "../data/mod.ts";
import { RunFolder } from "../run/mod.ts";
import type { Context } from "./context.ts";

/** Lines of the table. */
const MOST_LISTED = 1000;

const PARTS = ["unlabelled", "labelled", "validation", "test"] as const;

/**
 * Writes `duplicates.csv`, once a run: groups of images that are equal, or nearly so,
 * whose members are in different parts, so that one tests or labels the other, or
 * that are equal and have different labels.
 *
 * @param onShare Called now and then: rank 0 is at work.
 */
export async function writeDuplicates(
  { data, split, env, runFolder }: Context,
  onShare: () => void,
): Promise<void> {
  if (await env.disk.stat(`${runFolder}/duplicates.csv`)) return;
  const roles = new Uint8Array(data.train.count);
  for (const index of split.labelled) roles[index] = 1;
  for (const index of split.validation) roles[index] = 2;
  const groups = findDuplicateGroups(
    data,
    ({ part, index }) => part === "test" ? 3 : roles[index]!,
    onShare,
  ).map((group) =>
    group.map((image) => {
      const { part, index } = image;
      const set = part === "train" ? data.train : data.test;
      return {
        ...image,
        part: PARTS[part === "test" ? 3 : roles[index]!]!,
        name: set.nameOf(index),
        label: data.classNames[set.labels[index]!] ?? "",
      };
    })
  ).filter((group) =>
    new Set(group.map(({ part }) => part)).size > 1 ||
    new Set(group.map(({ label }) => label)).size > 1
  );
  await new RunFolder(env.disk, runFolder).writeTable(
    "duplicates.csv",
    ["group", "part", "index", "name", "label", "likeness", "mirrored"],
    groups.flatMap((group, i) =>
      group.map(({ part, index, name, label, likeness, mirrored }) => [
        i,
        part,
        index,
        name,
        label,
        likeness.toFixed(4),
        mirrored ? 1 : 0,
      ])
    ).slice(0, MOST_LISTED),
  );
}
