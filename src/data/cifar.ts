import { ConfigError, type Disk, type FileInfo } from "../env/mod.ts";
import { withGunzip } from "./gunzip.ts";
import { missingFile } from "./locate.ts";
import { joinParts, type Source, type SourcePart } from "./source.ts";
import { readTar } from "./tar.ts";

const SIDE = 32;
const PIXEL_BYTES = 3 * SIDE * SIDE;

interface Layout {
  kind: "cifar10" | "cifar100";
  /** Label bytes in front of the pixels; the last one is the class. */
  labelBytes: number;
  train: RegExp;
  test: string;
  names: string;
  classes: number;
  /** Folder inside the published archive. */
  folder: string;
  archive: string;
  /** Bytes and MD5 of the published archive. */
  published: string;
}

const LAYOUTS: Readonly<Record<"cifar10" | "cifar100", Layout>> = {
  cifar10: {
    kind: "cifar10",
    labelBytes: 1,
    train: /^data_batch_[1-9]\d*\.bin$/,
    test: "test_batch.bin",
    names: "batches.meta.txt",
    classes: 10,
    folder: "cifar-10-batches-bin",
    archive: "cifar-10-binary.tar.gz",
    published: "170052171 bytes, MD5 c32a1d4ab5d03f1284b67883e8d87530",
  },
  cifar100: {
    kind: "cifar100",
    labelBytes: 2,
    train: /^train\.bin$/,
    test: "test.bin",
    names: "fine_label_names.txt",
    classes: 100,
    folder: "cifar-100-binary",
    archive: "cifar-100-binary.tar.gz",
    published: "168513733 bytes, MD5 03b5dce01913d631647c71ecec9e9cb8",
  },
};

/** The published archives hold 184 MB; the largest file 154 MB. */
const LIMITS = {
  maxBytes: 512 * 1024 * 1024,
  maxEntries: 1000,
  maxEntryBytes: 256 * 1024 * 1024,
};

type Files = Map<string, Uint8Array>;

function isWanted(layout: Layout, name: string): boolean {
  return layout.train.test(name) || name === layout.test ||
    name === layout.names;
}

function baseOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

async function filesOfFolder(
  disk: Disk,
  path: string,
  layout: Layout,
): Promise<Files> {
  const files: Files = new Map();
  for (const { name, kind } of await disk.list(path)) {
    if (kind !== "file" || !isWanted(layout, name)) continue;
    const size = (await disk.stat(`${path}/${name}`))?.size ?? 0;
    if (size > LIMITS.maxEntryBytes) {
      throw new ConfigError(
        `Cannot read ${path}/${name}: it has ${size} bytes, the limit is ${LIMITS.maxEntryBytes}`,
      );
    }
    files.set(name, await disk.read(`${path}/${name}`));
  }
  return files;
}

async function filesOfArchive(
  disk: Disk,
  path: string,
  layout: Layout,
): Promise<Files> {
  try {
    const entries = await withGunzip(
      disk,
      path,
      (reader) =>
        readTar(reader, {
          ...LIMITS,
          wanted: (name) => isWanted(layout, baseOf(name)),
        }),
    );
    return new Map([...entries].map(([name, data]) => [baseOf(name), data]));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.message, {
      hint: `The published ${layout.archive} has ${layout.published}`,
      cause: error,
    });
  }
}

/** The folder, the published folder or archive in it, or the archive itself. */
async function findFiles(
  disk: Disk,
  { path, info }: { path: string; info: FileInfo },
  layout: Layout,
): Promise<{ files: Files; place: string }> {
  if (info.kind === "file") {
    return { files: await filesOfArchive(disk, path, layout), place: path };
  }
  const inner = `${path}/${layout.folder}`;
  const archive = `${path}/${layout.archive}`;
  const names = (await disk.list(path)).map(({ name }) => name);
  if (!names.some((name) => isWanted(layout, name))) {
    if ((await disk.stat(inner))?.kind === "folder") {
      return { files: await filesOfFolder(disk, inner, layout), place: inner };
    }
    if ((await disk.stat(archive))?.kind === "file") {
      return {
        files: await filesOfArchive(disk, archive, layout),
        place: archive,
      };
    }
  }
  return { files: await filesOfFolder(disk, path, layout), place: path };
}

function partOf(
  bytes: Uint8Array,
  { place, name, layout }: { place: string; name: string; layout: Layout },
): SourcePart {
  const record = layout.labelBytes + PIXEL_BYTES;
  const count = bytes.length / record;
  const file = `${place}/${name}`;
  if (!Number.isInteger(count) || count === 0) {
    throw new ConfigError(
      `Cannot read ${file}: ${bytes.length} bytes are no whole number of ${record}-byte records`,
      { hint: "The file is cut off or of another format: get it again" },
    );
  }
  const labels = Int32Array.from(
    { length: count },
    (_, i) => bytes[i * record + layout.labelBytes - 1]!,
  );
  const wrong = labels.findIndex((label) => label >= layout.classes);
  if (wrong >= 0) {
    throw new ConfigError(
      `Cannot read ${file}: record ${wrong} has label ${
        labels[wrong]
      }, classes are 0 to ${layout.classes - 1}`,
      { hint: "The file is damaged or of another format: get it again" },
    );
  }
  return {
    labels,
    nameOf: (index) => `${name}[${index}]`,
    read(index) {
      const start = index * record + layout.labelBytes;
      return {
        width: SIDE,
        height: SIDE,
        channels: 3,
        pixels: bytes.subarray(start, start + PIXEL_BYTES),
      };
    },
  };
}

function classNamesOf(files: Files, layout: Layout): string[] {
  const text = new TextDecoder().decode(files.get(layout.names));
  const names = text.split("\n").map((line) => line.trim()).filter(Boolean);
  return Array.from(
    { length: layout.classes },
    (_, i) => names[i] ?? String(i),
  );
}

/** Opens CIFAR-10 or CIFAR-100 in its binary form, unpacked or as published. */
export async function openCifar(
  disk: Disk,
  place: { path: string; info: FileInfo },
  kind: "cifar10" | "cifar100",
): Promise<Source> {
  const layout = LAYOUTS[kind];
  const { files, place: from } = await findFiles(disk, place, layout);
  const batches = [...files.keys()].filter((name) => layout.train.test(name))
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  const test = files.get(layout.test);
  if (batches.length === 0 || !test) {
    throw missingFile(kind, {
      path: from,
      names: [
        batches.length === 0
          ? kind === "cifar10" ? "data_batch_1.bin" : "train.bin"
          : layout.test,
      ],
    });
  }
  batches.forEach((name, i) => {
    if (kind === "cifar10" && name !== `data_batch_${i + 1}.bin`) {
      throw missingFile(kind, {
        path: from,
        names: [`data_batch_${i + 1}.bin, but ${name}`],
      });
    }
  });
  return {
    name: kind,
    classNames: classNamesOf(files, layout),
    channels: 3,
    size: { width: SIDE, height: SIDE },
    train: joinParts(
      batches.map((name) =>
        partOf(files.get(name)!, { place: from, name, layout })
      ),
    ),
    test: partOf(test, { place: from, name: layout.test, layout }),
  };
}
