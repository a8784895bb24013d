import type { Disk } from "../env/mod.ts";
import { openSource } from "./load_data_set.ts";
import { type DataKind, locateData } from "./locate.ts";
import type { Picture } from "./picture.ts";
import { tryRead } from "./read_part.ts";

/**
 * Single pictures of a set, by the names that `ImageSet.nameOf` gives; those that
 * are not there or cannot be read are left out.
 */
export async function picturesByName(
  disk: Disk,
  { kind, path }: { kind: DataKind; path?: string | undefined },
  names: ReadonlySet<string>,
): Promise<Map<string, Picture>> {
  const found = new Map<string, Picture>();
  if (names.size === 0) return found;
  const place = await locateData(disk, { kind, path });
  const { train, test } = await openSource(disk, { kind, place });
  for (const part of test === undefined ? [train] : [train, test]) {
    for (let i = 0; i < part.labels.length; i++) {
      const name = part.nameOf(i);
      if (!names.has(name)) continue;
      const picture = await tryRead(part, i);
      if ("pixels" in picture) found.set(name, picture);
    }
  }
  return found;
}
