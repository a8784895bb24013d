import { ConfigError, type Disk, type FileInfo } from "../env/mod.ts";
import {
  isPictureName,
  type PictureFile,
  picturePart,
  pictureSize,
} from "./picture_files.ts";
import type { Source } from "./source.ts";

/** Folder of pictures whose class is not known. */
const UNLABELLED = "unlabelled";

async function foldersIn(disk: Disk, path: string): Promise<string[]> {
  return (await disk.list(path))
    .filter(({ name, kind }) => kind === "folder" && !name.startsWith("."))
    .map(({ name }) => name);
}

/** Where the test part is: `test`, or `val`, as ImageNet calls it; it has folders of classes. */
export async function testFolder(
  disk: Disk,
  root: string,
): Promise<string | undefined> {
  for (const name of ["test", "val"]) {
    const path = `${root}/${name}`;
    if ((await disk.stat(path))?.kind !== "folder") continue;
    if ((await foldersIn(disk, path)).length > 0) return name;
  }
}

/**
 * What is meant as a picture: also a link to nothing and a folder inside a class,
 * so that they are named as left out when they are read.
 */
async function picturesIn(
  disk: Disk,
  { root, folder, label }: { root: string; folder: string; label: number },
): Promise<PictureFile[]> {
  return (await disk.list(folder ? `${root}/${folder}` : root))
    .filter(({ name, kind }) =>
      kind === "folder"
        ? folder !== "" && !name.startsWith(".")
        : isPictureName(name)
    )
    .map(({ name }) => ({ path: folder ? `${folder}/${name}` : name, label }));
}

async function classesIn(
  disk: Disk,
  { root, part, classNames }: {
    root: string;
    part: string;
    classNames: readonly string[];
  },
): Promise<PictureFile[]> {
  const files: PictureFile[][] = [];
  const labels = new Map(classNames.map((name, label) => [name, label]));
  for (const name of await foldersIn(disk, `${root}/${part}`)) {
    const label = labels.get(name);
    if (label === undefined) {
      throw new ConfigError(
        `Cannot read ${root}/${part}/${name}: there is no class ${name} in ${root}/train`,
        { hint: `Rename the folder, or remove it` },
      );
    }
    files.push(
      await picturesIn(disk, { root, folder: `${part}/${name}`, label }),
    );
  }
  return files.flat();
}

/**
 * Opens a folder of pictures: `train/<class>/*`, optional `test/<class>/*`, or
 * `val/<class>/*` where there is no such, and `unlabelled/*`. Classes are the sorted folder names under `train`. Without `train`
 * and `test` they are those of the folder itself.
 */
export async function openFolder(
  disk: Disk,
  { path: root, info }: { path: string; info: FileInfo },
): Promise<Source> {
  const has = async (part: string) =>
    (await disk.stat(`${root}/${part}`))?.kind === "folder";
  if (info.kind === "folder" && !await has("train") && !await has("test")) {
    const source = await openClassFolders(disk, { path: root, info });
    if (source.classNames.length > 0) return source;
  }
  if (info.kind !== "folder" || !await has("train")) {
    throw new ConfigError(
      `Cannot read data set folder: ${root} ${
        info.kind === "folder" ? "has no folder train" : "is no folder"
      }`,
      {
        hint:
          "Pictures belong in <class>/, or in train/<class>/ and test/<class>/",
      },
    );
  }
  const classNames = await foldersIn(disk, `${root}/train`);
  const train = await classesIn(disk, { root, part: "train", classNames });
  if (train.length === 0) {
    throw new ConfigError(
      `Cannot read data set folder: ${root}/train has ${classNames.length} class folders and no pictures`,
      { hint: "Pictures belong in train/<class>/ and test/<class>/" },
    );
  }
  const unlabelled = await has(UNLABELLED)
    ? await picturesIn(disk, { root, folder: UNLABELLED, label: -1 })
    : [];
  const part = await testFolder(disk, root);
  const test = part === undefined ? undefined : picturePart(
    disk,
    root,
    await classesIn(disk, { root, part, classNames }),
  );
  return {
    name: root.slice(root.lastIndexOf("/") + 1),
    root,
    classNames,
    channels: 3,
    size: undefined,
    train: picturePart(disk, root, train.concat(unlabelled)),
    test,
    sizeOf: (part, index) => pictureSize(disk, root, part.nameOf(index)),
  };
}

/**
 * Opens a folder without `train/`, all of it as the `train` part: its folders are
 * classes, as in `test/` of a set, and pictures beside them or in `unlabelled/` have
 * none.
 */
export async function openClassFolders(
  disk: Disk,
  { path: root, info }: { path: string; info: FileInfo },
): Promise<Source> {
  const isFolder = info.kind === "folder";
  const folders = isFolder ? await foldersIn(disk, root) : [];
  const classNames = folders.filter((name) => name !== UNLABELLED);
  const found: PictureFile[][] = [];
  for (const [label, folder] of classNames.entries()) {
    found.push(await picturesIn(disk, { root, folder, label }));
  }
  const without = folders.includes(UNLABELLED) ? ["", UNLABELLED] : [""];
  for (const folder of isFolder ? without : []) {
    found.push(await picturesIn(disk, { root, folder, label: -1 }));
  }
  const files = found.flat();
  if (files.length === 0) {
    throw new ConfigError(
      `Cannot read pictures from ${root}: there are none in it, in <class>/ or in train/<class>/`,
    );
  }
  return {
    name: root.slice(root.lastIndexOf("/") + 1),
    root,
    classNames,
    channels: 3,
    size: undefined,
    train: picturePart(disk, root, files),
    test: undefined,
    sizeOf: (part, index) => pictureSize(disk, root, part.nameOf(index)),
  };
}
