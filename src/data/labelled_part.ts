import { ConfigError, type Disk } from "../env/mod.ts";
import { detectKind } from "./detect_kind.ts";
import { openClassFolders, testFolder } from "./folder.ts";
import { openSource } from "./load_data_set.ts";
import { type DataKind, locateData } from "./locate.ts";
import { pickFrom, type Source, type SourcePart } from "./source.ts";

/** Labelled images on disk, none of them decoded yet; those without a class are left out. */
export interface LabelledPart {
  readonly name: string;
  readonly kind: DataKind;
  readonly classNames: readonly string[];
  /** Which part of the set it is; `all` of one without parts. */
  readonly split: "train" | "test" | "all";
  readonly part: SourcePart;
  /** Images of the part that are left out, since their class is unknown. */
  readonly unlabelled: number;
}

/**
 * Opens one labelled part of a set of any kind: its test part, or what else it
 * has. Of a folder without `train` that is its `test`, or its own class folders.
 *
 * @throws {ConfigError} If the set is not there, or has no such part.
 */
export async function openLabelled(
  disk: Disk,
  { kind, path, split }: {
    /** Absent: guessed from the names found. */
    kind?: DataKind | undefined;
    /** Absent: where set-up put the kind. */
    path?: string | undefined;
    /** Absent: test where there is one, else train. */
    split?: "train" | "test" | undefined;
  },
): Promise<LabelledPart> {
  const sure = kind ?? await detectKind(disk, path ?? "");
  const place = await locateData(disk, { kind: sure, path });
  const parted = sure !== "folder" ||
    (await disk.stat(`${place.path}/train`))?.kind === "folder";
  if (!parted) {
    const test = await testFolder(disk, place.path);
    if (split === "train" || (split === "test" && test === undefined)) {
      throw new ConfigError(
        `Cannot use the ${split} part of ${place.path}: it has no folder ${split}`,
      );
    }
    const path = test === undefined ? place.path : `${place.path}/${test}`;
    const source = await openClassFolders(disk, { ...place, path });
    const part = labelledOf(source, sure, undefined);
    return test === undefined ? part : { ...part, split: "test" };
  }
  return labelledOf(await openSource(disk, { kind: sure, place }), sure, split);
}

/** The labelled images of a part of a source. */
function labelledOf(
  source: Source,
  kind: DataKind,
  split: "train" | "test" | undefined,
): LabelledPart {
  const chosen = split ?? (source.test === undefined ? "train" : "test");
  const found = source[chosen];
  if (found === undefined) {
    throw new ConfigError(
      `Cannot use ${source.name}: it has no ${chosen} part`,
    );
  }
  const known = [...found.labels.keys()].filter((i) => found.labels[i]! >= 0);
  if (known.length === 0) {
    throw new ConfigError(
      `Cannot evaluate on ${source.name}: none of its ${found.labels.length} images has a label`,
      kind === "folder"
        ? { hint: "pictures belong in <class>/, or in test/<class>/" }
        : {},
    );
  }
  return {
    name: source.name,
    kind,
    classNames: source.classNames,
    split: source.test === undefined && split === undefined ? "all" : chosen,
    part: pickFrom(found, known),
    unlabelled: found.labels.length - known.length,
  };
}
