import type { Disk } from "../env/mod.ts";
import {
  joinHandLabels,
  readHandLabels,
  withHandLabels,
} from "./hand_labels.ts";
import { hashDataSet } from "./hash_data_set.ts";
import type { DataSet, Split } from "./image_set.ts";
import { type DataOptions, loadDataSet } from "./load_data_set.ts";
import { splitDataSet, type SplitOptions } from "./split.ts";
import { splitFromJson } from "./split_json.ts";

/** A data set with what each training image is used for. */
export interface SplitData {
  data: DataSet;
  /** Hash of images and labels. */
  dataHash: string;
  split: Split;
  /** The split was made now, not read. */
  fresh: boolean;
}

/**
 * Loads a set and splits it: as the run folder says, or anew. Labels given by hand
 * are taken after the set is split, so that they leave validation as it is.
 *
 * @param saved Path of the run's `split.json`, which need not be there.
 */
export async function loadSplitData(
  disk: Disk,
  options: DataOptions & SplitOptions & {
    /** Table of labels given by hand. */
    labels?: string | undefined;
  },
  saved: string,
): Promise<SplitData> {
  const published = await loadDataSet(disk, options);
  const byHand = options.labels === undefined
    ? new Map()
    : await readHandLabels(disk, options.labels, {
      data: published,
      root: options.path,
    });
  const data = withHandLabels(published, byHand);
  const dataHash = hashDataSet(data);
  if (await disk.stat(saved)) {
    const split = splitFromJson(await disk.readText(saved), {
      dataSet: data,
      dataHash,
      path: saved,
    });
    return { data, dataHash, split, fresh: false };
  }
  const split = joinHandLabels(splitDataSet(published, options), byHand);
  return { data, dataHash, split, fresh: true };
}
