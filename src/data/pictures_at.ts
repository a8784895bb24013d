import { ConfigError, type Disk } from "../env/mod.ts";
import { isPictureName, picturePart } from "./picture_files.ts";
import type { SourcePart } from "./source.ts";

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
  // Links may lead back to a folder above, or twice to the same one.
  const visited = new Set<string>();
  const visit = async (folder: string): Promise<void> => {
    const id = (await disk.stat(folder))?.id;
    if (id !== undefined && visited.has(id)) return;
    if (id !== undefined) visited.add(id);
    for (const { name, kind } of await disk.list(folder)) {
      if (name.startsWith(".")) continue;
      const path = folder === "/" ? `/${name}` : `${folder}/${name}`;
      if (kind === "folder") await visit(path);
      else if (isPictureName(name)) files.push(path);
    }
  };
  for (const path of paths) {
    const info = await disk.stat(path);
    if (info?.kind === "folder") await visit(path.replace(/(?<=.)\/+$/, ""));
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
