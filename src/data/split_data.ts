import { ConfigError, type Disk } from "../env/mod.ts";
import {
  type HandLabels,
  joinHandLabels,
  readHandLabels,
  withHandLabels,
  withoutHeld,
} from "./hand_labels.ts";
import { hashDataSet } from "./hash_data_set.ts";
import type { DataSet, Split } from "./image_set.ts";
import { type DataOptions, loadDataSet } from "./load_data_set.ts";
import { splitDataSet, type SplitOptions } from "./split.ts";
import { splitFromJson, splitToJson } from "./split_json.ts";

/** Files of a run folder. */
const SPLIT = "split.json";
export const HAND_LABELS = "hand_labels.csv";

/** A data set with what each training image is used for. */
export interface SplitData {
  data: DataSet;
  /** Hash of images and labels. */
  dataHash: string;
  split: Split;
  /** Labels given by hand, and the table they are from. */
  byHand: HandLabels;
  table: string | undefined;
  /** The split was made now, not read. */
  fresh: boolean;
}

/**
 * Loads a set and splits it: as the run folder says, or anew. Labels given by hand
 * are taken after the set is split, and leave validation as it is: what a model has
 * labelled must not judge the next one. A run keeps its own copy of their table,
 * which may have got more lines since.
 *
 * @param run The run folder, which need not hold a split; left out, there is none.
 */
export async function loadSplitData(
  disk: Disk,
  options: DataOptions & SplitOptions & {
    /** Table of labels given by hand. */
    labels?: string | undefined;
  },
  run?: string,
): Promise<SplitData> {
  const published = await loadDataSet(disk, options);
  const saved = `${run}/${SPLIT}`;
  const copy = `${run}/${HAND_LABELS}`;
  const fresh = run === undefined || await disk.stat(saved) === undefined;
  const place = !fresh && await disk.stat(copy) ? copy : options.labels;
  const table = place === undefined ? undefined : await readTable(disk, place);
  const drawn = splitDataSet(published, options);
  const byHand = table === undefined ? new Map() : withoutHeld(
    readHandLabels(table, { path: place!, data: published }),
    drawn,
  );
  const data = withHandLabels(published, byHand);
  const dataHash = hashDataSet(data);
  const split = fresh
    ? joinHandLabels(drawn, byHand)
    : splitFromJson(await disk.readText(saved), {
      dataSet: data,
      dataHash,
      path: saved,
    });
  return { data, dataHash, split, byHand, table, fresh };
}

/** Keeps in a run folder how its images are split, and the labels given by hand. */
export async function saveSplit(
  disk: Disk,
  run: string,
  { split, dataHash, table }: SplitData,
): Promise<void> {
  if (table !== undefined) await disk.write(`${run}/${HAND_LABELS}`, table);
  await disk.write(`${run}/${SPLIT}`, splitToJson(split, dataHash));
}

async function readTable(disk: Disk, path: string): Promise<string> {
  if ((await disk.stat(path))?.kind !== "file") {
    throw new ConfigError(`Cannot read data.labels ${path}: it is no file`);
  }
  return await disk.readText(path);
}
