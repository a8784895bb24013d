import { ConfigError, type Disk, type FileInfo } from "../env/mod.ts";
import { openCifar } from "./cifar.ts";
import { openCsv } from "./csv.ts";
import { openFolder } from "./folder.ts";
import { openIdx } from "./idx.ts";
import type { DataSet, ImageSet } from "./image_set.ts";
import { chooseSize, fitPicture } from "./image_size.ts";
import { type DataKind, locateData } from "./locate.ts";
import type { Size } from "./picture.ts";
import { tryRead } from "./read_part.ts";
import type { Source, SourcePart } from "./source.ts";
import { withTestPart } from "./test_split.ts";

/** Decoded sets live in memory whole. */
const MAX_SET_BYTES = 8 * 1024 * 1024 * 1024;

/** Unreadable images beyond these are counted, so that other warnings are seen. */
const MOST_NAMED = 10;

export interface DataOptions {
  kind: DataKind;
  /** Folder, archive or table; absent or empty means `data/<kind>`. */
  path?: string | undefined;
  /** Side of the square that models see; 0 leaves images as they are. */
  imageSize: number;
  /** Side of the square that picture files are resized to; 0 or absent means `imageSize`. */
  storeSize?: number;
  /** Part of each class held out when the data has no test part; 0 refuses such data. */
  testFraction: number;
  /** Chooses the held-out part. */
  seed: number;
  /** Only the first so many images of each class, in file order; 0 means all. */
  trainPerClass: number;
  testPerClass: number;
  signal?: AbortSignal;
  log?: (message: string) => void;
}

/** Opens a data set without decoding its images. */
export function openSource(
  disk: Disk,
  { kind, place }: { kind: DataKind; place: { path: string; info: FileInfo } },
): Promise<Source> {
  switch (kind) {
    case "cifar10":
    case "cifar100":
      return openCifar(disk, place, kind);
    case "fashion-mnist":
    case "mnist":
    case "idx":
      return openIdx(disk, place, kind);
    case "folder":
      return openFolder(disk, place);
    case "csv":
      return openCsv(disk, place);
  }
}

/** How many images of a part can be taken at most. */
function countTaken(labels: Int32Array, perClass: number): number {
  if (perClass === 0) return labels.length;
  const taken = new Map<number, number>();
  let count = 0;
  for (const label of labels) {
    const before = taken.get(label) ?? 0;
    if (label >= 0 && before >= perClass) continue;
    taken.set(label, before + 1);
    count++;
  }
  return count;
}

async function decodePart(
  images: SourcePart,
  { part, source, size, perClass, skipped, signal }: {
    part: "train" | "test";
    source: Source;
    size: Size;
    perClass: number;
    skipped: DataSet["skipped"][number][];
    signal: AbortSignal | undefined;
  },
): Promise<ImageSet> {
  const { channels } = source;
  const { width, height } = size;
  const most = countTaken(images.labels, perClass);
  const imageBytes = channels * width * height;
  if (most * imageBytes > MAX_SET_BYTES) {
    throw new ConfigError(
      `Cannot load ${source.name}: ${most} images of ${width}x${height}x${channels} need ${
        most * imageBytes
      } bytes, the limit is ${MAX_SET_BYTES}`,
      { hint: "Set data.imageSize or data.trainPerClass" },
    );
  }
  const pixels = new Uint8Array(most * imageBytes);
  const labels = new Int32Array(most);
  const origins = new Int32Array(most);
  const taken = new Map<number, number>();
  let count = 0;
  for (let i = 0; i < images.labels.length && count < most; i++) {
    signal?.throwIfAborted();
    const label = images.labels[i]!;
    const before = taken.get(label) ?? 0;
    if (perClass > 0 && label >= 0 && before >= perClass) continue;
    const picture = await tryRead(images, i);
    if ("reason" in picture) {
      skipped.push({ part, ...picture });
      continue;
    }
    const fitted = fitPicture(picture, {
      size,
      fixed: source.size !== undefined,
    });
    pixels.set(fitted.pixels, count * imageBytes);
    origins[count] = i;
    labels[count++] = label;
    taken.set(label, before + 1);
  }
  return {
    pixels: pixels.subarray(0, count * imageBytes),
    labels: labels.subarray(0, count),
    count,
    channels,
    width,
    height,
    nameOf: (index) => images.nameOf(origins[index]!),
  };
}

/**
 * Reads a data set into memory. Images that cannot be read are left out and
 * listed in `skipped`; a set that cannot be used at all is a `ConfigError`.
 */
export async function loadDataSet(
  disk: Disk,
  options: DataOptions,
): Promise<DataSet> {
  const { kind, signal, log } = options;
  const place = await locateData(disk, { kind, path: options.path });
  const source = withTestPart(await openSource(disk, { kind, place }), {
    path: place.path,
    testFraction: options.testFraction,
    seed: options.seed,
  });
  const size = await chooseSize(source, options);
  const skipped: DataSet["skipped"][number][] = [];
  const common = { source, size, skipped, signal };
  const train = await decodePart(source.train, {
    ...common,
    part: "train",
    perClass: options.trainPerClass,
  });
  const test = await decodePart(source.test, {
    ...common,
    part: "test",
    perClass: options.testPerClass,
  });
  for (const { path, reason } of skipped.slice(0, MOST_NAMED)) {
    log?.(`Skipped ${path}: ${reason}`);
  }
  const unnamed = skipped.length - MOST_NAMED;
  if (unnamed > 0) {
    const all = source.train.labels.length + source.test.labels.length;
    log?.(
      `Skipped ${unnamed} more of ${all} images: deno task data check ${place.path} names them`,
    );
  }
  for (const [name, part] of [["train", train], ["test", test]] as const) {
    if (part.count > 0) continue;
    throw new ConfigError(
      `Cannot use ${place.path}: none of its ${name} images can be read`,
      {
        hint: skipped[0]
          ? `The first reason: ${skipped[0].path}: ${skipped[0].reason}`
          : `Run: sh cluster/run.sh data check ${place.path}`,
      },
    );
  }
  const { name, root, classNames } = source;
  const set = { name, classNames, train, test, skipped };
  return root === undefined ? set : { ...set, root };
}
