import { ConfigError, type Disk } from "../env/mod.ts";
import { isPictureName, picturePart } from "./picture_files.ts";
import type { SourcePart } from "./source.ts";

/** Folders inside folders. */
const MAX_DEPTH = 32;

/**
 * The pictures that paths name, without labels: files as they are, and all
 * pictures in folders and the folders in them, by name.
 *
 * @throws {ConfigError} If a path is not there or no picture is found.
 */
export async function picturesAt(
  disk: Disk,
  paths: readonly string[],
): Promise<SourcePart> {
  const files: string[] = [];
  const visit = async (folder: string, depth: number): Promise<void> => {
    if (depth > MAX_DEPTH) return;
    for (const { name, kind } of await disk.list(folder)) {
      if (name.startsWith(".")) continue;
      const path = folder === "/" ? `/${name}` : `${folder}/${name}`;
      if (kind === "folder") await visit(path, depth + 1);
      else if (kind === "file" && isPictureName(name)) files.push(path);
    }
  };
  for (const path of paths) {
    const info = await disk.stat(path);
    if (info?.kind === "folder") await visit(path.replace(/(?<=.)\/+$/, ""), 0);
    else if (info?.kind === "file") files.push(path);
    else {
      throw new ConfigError(
        `Cannot read ${path}: ${
          info ? "it is neither a file nor a folder" : "it does not exist"
        }`,
      );
    }
  }
  if (files.length === 0) {
    throw new ConfigError(`Cannot find pictures in ${paths.join(", ")}`);
  }
  return picturePart(disk, ".", files.map((path) => ({ path, label: -1 })));
}
