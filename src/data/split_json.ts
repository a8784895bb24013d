import { ConfigError } from "../env/mod.ts";
import type { DataSet, Split } from "./image_set.ts";
import { splitSchema } from "./schema.ts";
import { restOf } from "./split.ts";

/** A split as text for the run folder, bound to the data by its hash. */
export function splitToJson(split: Split, dataHash: string): string {
  return JSON.stringify({
    version: 1,
    dataHash,
    seed: split.seed,
    labelled: [...split.labelled],
    validation: [...split.validation],
  }) + "\n";
}

function checkIndices(
  { path, name, indices, count, used }: {
    path: string;
    name: string;
    indices: readonly number[];
    count: number;
    used: Set<number>;
  },
): Int32Array {
  for (const i of indices) {
    if (i < count && !used.has(i)) {
      used.add(i);
      continue;
    }
    throw new ConfigError(
      `Cannot read ${path}: ${name} image ${i} ${
        i < count
          ? "is listed twice"
          : `does not exist, the set has ${count} training images`
      }`,
    );
  }
  return Int32Array.from(indices);
}

/** Reads a saved split and checks that it belongs to this data. */
export function splitFromJson(
  text: string,
  { dataSet, dataHash, path }: {
    dataSet: DataSet;
    dataHash: string;
    /** Where the text is from, for messages. */
    path: string;
  },
): Split {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`Cannot read ${path}: it is no JSON`, {
      cause: error,
    });
  }
  const parsed = splitSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new ConfigError(
      `Cannot read ${path}: ${
        issue.path.join(".") || "content"
      }: ${issue.message}`,
    );
  }
  const saved = parsed.data;
  if (saved.dataHash !== dataHash) {
    throw new ConfigError(
      `Cannot use ${path}: it was made for data ${
        saved.dataHash.slice(0, 12)
      }, this is ${dataHash.slice(0, 12)}`,
      { hint: "Use the same files and data settings as the run it is from" },
    );
  }
  const { count } = dataSet.train;
  const used = new Set<number>();
  const labelled = checkIndices({
    path,
    name: "labelled",
    indices: saved.labelled,
    count,
    used,
  });
  const validation = checkIndices({
    path,
    name: "validation",
    indices: saved.validation,
    count,
    used,
  });
  return {
    seed: saved.seed,
    labelled,
    validation,
    unlabelled: restOf(count, [labelled, validation]),
    test: Int32Array.from({ length: dataSet.test.count }, (_, i) => i),
  };
}
