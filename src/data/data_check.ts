import { createHash } from "node:crypto";
import type { Disk } from "../env/mod.ts";
import { detectKind } from "./detect_kind.ts";
import { openClassFolders } from "./folder.ts";
import { openSource } from "./load_data_set.ts";
import { comparedPicture } from "./compared_picture.ts";
import { type DataKind, locateData } from "./locate.ts";
import { findNearDuplicates } from "./near_duplicates.ts";
import { PictureError } from "./picture_error.ts";
import type { Source } from "./source.ts";

/** What `data check` found in one published part. */
export interface PartReport {
  name: "train" | "test";
  /** Images that can be read. */
  images: number;
  /** Readable images by class name; unlabelled ones are not in it. */
  perClass: Record<string, number>;
  unlabelled: number;
}

export interface DataReport {
  kind: DataKind;
  path: string;
  classes: number;
  parts: PartReport[];
  /** Images by `widthxheight`. */
  sizes: Record<string, number>;
  unreadable: { path: string; reason: string }[];
  /** Groups of images with equal pixels, as `part/name`. */
  duplicates: string[][];
  /** Groups that are in both parts: such test images measure nothing. */
  acrossParts: number;
  /** Images of train and test that are nearly equal. */
  nearDuplicates: {
    images: [string, string];
    likeness: number;
    mirrored: boolean;
  }[];
}

/** An image that could be read. */
interface Seen {
  /** `part: name` */
  name: string;
  part: number;
  hash: string;
  /** In the size that images are compared at. */
  small: Uint8Array;
}

async function open(
  disk: Disk,
  { kind, path }: { kind: DataKind; path: string },
): Promise<Source> {
  const place = await locateData(disk, { kind, path });
  const hasTrain = await disk.stat(`${place.path}/train`) !== undefined;
  return kind === "folder" && place.info.kind === "folder" && !hasTrain
    ? await openClassFolders(disk, place)
    : await openSource(disk, { kind, place });
}

/** Reads every image of a data set and reports what it holds. */
export async function checkDataSet(
  disk: Disk,
  { kind, path, signal }: {
    /** Absent: guessed from the names found. */
    kind?: DataKind | undefined;
    path: string;
    signal?: AbortSignal;
  },
): Promise<DataReport> {
  const sure = kind ?? await detectKind(disk, path);
  const source = await open(disk, { kind: sure, path });
  const sizes: Record<string, number> = {};
  const unreadable: DataReport["unreadable"] = [];
  const seen: Seen[] = [];
  const parts: PartReport[] = [];
  for (const [number, name] of (["train", "test"] as const).entries()) {
    const part = source[name];
    if (!part) continue;
    const perClass = source.classNames.map(() => 0);
    const report = { name, images: 0, perClass: {}, unlabelled: 0 };
    for (let i = 0; i < part.labels.length; i++) {
      signal?.throwIfAborted();
      try {
        const picture = await part.read(i);
        const { width, height, pixels } = picture;
        const size = `${width}x${height}`;
        sizes[size] = (sizes[size] ?? 0) + 1;
        const hash = createHash("sha256").update(size).update(pixels)
          .digest("base64");
        seen.push({
          name: `${name}: ${part.nameOf(i)}`,
          part: number,
          hash,
          small: comparedPicture(picture, source.channels),
        });
      } catch (error) {
        if (!(error instanceof PictureError)) throw error;
        unreadable.push({ path: part.nameOf(i), reason: error.message });
        continue;
      }
      report.images++;
      const label = part.labels[i]!;
      if (label < 0) report.unlabelled++;
      else perClass[label]!++;
    }
    report.perClass = Object.fromEntries(
      source.classNames.map((className, c) => [className, perClass[c]!]),
    );
    parts.push(report);
  }
  const duplicates = [...Map.groupBy(seen, ({ hash }) => hash).values()]
    .filter((group) => group.length > 1)
    .map((group) => group.map(({ name }) => name));
  return {
    kind: sure,
    path,
    classes: source.classNames.length,
    parts,
    sizes,
    unreadable,
    duplicates,
    acrossParts:
      duplicates.filter((names) =>
        names.some((name) => name.startsWith("train: ")) &&
        names.some((name) => name.startsWith("test: "))
      ).length,
    nearDuplicates: nearDuplicates(seen),
  };
}

function nearDuplicates(seen: readonly Seen[]): DataReport["nearDuplicates"] {
  return findNearDuplicates({
    parts: Uint8Array.from(seen, ({ part }) => part),
    at: (index) => seen[index]!.small,
  }).flatMap(({ first, second, likeness, mirrored }) => {
    const [test, train] = [seen[first]!, seen[second]!]
      .sort((a, b) => b.part - a.part) as [Seen, Seen];
    return test.hash === train.hash
      ? []
      : { images: [train.name, test.name], likeness, mirrored };
  });
}
