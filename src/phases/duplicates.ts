import { findDuplicates } from "../data/mod.ts";
import { RunFolder } from "../run/mod.ts";
import type { Context } from "./context.ts";

/** Lines of the table. */
const MOST_LISTED = 1000;

/**
 * Writes `duplicates.csv`, once a run: groups of equal images whose members are
 * in different parts, so that one tests or labels the other, or have different
 * labels.
 */
export async function writeDuplicates(
  { data, split, env, runFolder }: Context,
): Promise<void> {
  if (await env.disk.stat(`${runFolder}/duplicates.csv`)) return;
  const parts = new Map<number, string>();
  for (const index of split.labelled) parts.set(index, "labelled");
  for (const index of split.validation) parts.set(index, "validation");
  const groups = findDuplicates(data).map((group) =>
    group.map(({ part, index }) => {
      const set = part === "train" ? data.train : data.test;
      return {
        part: part === "test" ? part : parts.get(index) ?? "unlabelled",
        index,
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
    ["group", "part", "index", "name", "label"],
    groups.flatMap((group, i) =>
      group.map(({ part, index, name, label }) => [i, part, index, name, label])
    ).slice(0, MOST_LISTED),
  );
}
