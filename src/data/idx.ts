import { ConfigError, type Disk, type FileInfo } from "../env/mod.ts";
import { ByteReader } from "./byte_reader.ts";
import { withGunzip } from "./gunzip.ts";
import { missingFile } from "./locate.ts";
import type { Source, SourcePart } from "./source.ts";

type IdxKind = "fashion-mnist" | "mnist" | "idx";

/** 60 000 images of 28x28 are 47 MB. */
const MAX_BYTES = 1024 * 1024 * 1024;
const MAX_SIDE = 4096;

const CLASS_NAMES: Readonly<Record<Exclude<IdxKind, "idx">, string[]>> = {
  "fashion-mnist": [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
  ],
  mnist: Array.from({ length: 10 }, (_, i) => String(i)),
};

/** Unsigned bytes with their lengths along each axis. */
interface IdxArray {
  shape: number[];
  data: Uint8Array;
}

/** Reads `count` bytes big-endian words: 0, 0, type 8, axes, then each length. */
async function readArray(
  reader: ByteReader,
  { path, axes }: { path: string; axes: number },
): Promise<IdxArray> {
  const header = await reader.take(4 + 4 * axes);
  const view = new DataView(header.buffer);
  const magic = header.length >= 4 ? view.getUint32(0) : 0;
  const expected = 0x800 + axes;
  if (header.length < 4 + 4 * axes || magic !== expected) {
    throw new ConfigError(
      `Cannot read ${path}: it starts with ${magic}, an IDX file of ${axes} axes with ${expected}`,
      { hint: "The file is damaged or of another format: get it again" },
    );
  }
  const shape = Array.from(
    { length: axes },
    (_, k) => view.getUint32(4 + 4 * k),
  );
  const size = shape.reduce((product, length) => product * length, 1);
  if (size > MAX_BYTES || shape.slice(1).some((side) => side > MAX_SIDE)) {
    throw new ConfigError(
      `Cannot read ${path}: its header claims ${shape.join(" x ")} bytes, ` +
        `the limits are ${MAX_BYTES} bytes and sides of ${MAX_SIDE}`,
    );
  }
  if (size === 0) {
    throw new ConfigError(
      `Cannot read ${path}: its header claims ${shape.join(" x ")} bytes`,
    );
  }
  const data = await reader.take(size);
  if (data.length < size) {
    throw new ConfigError(
      `Cannot read ${path}: ${data.length} bytes of data, its header claims ${size}`,
      { hint: "The file is cut off: get it again" },
    );
  }
  if (await reader.skip(1) > 0) {
    throw new ConfigError(
      `Cannot read ${path}: more data than the ${size} bytes that its header claims`,
      { hint: "The file is damaged: get it again" },
    );
  }
  return { shape, data };
}

/** Reads an IDX file, gzip or plain by its first bytes. */
async function readIdx(
  disk: Disk,
  path: string,
  axes: number,
): Promise<IdxArray> {
  const start = await disk.readRange(path, 0, 2);
  if (start[0] === 0x1f && start[1] === 0x8b) {
    return await withGunzip(
      disk,
      path,
      (reader) => readArray(reader, { path, axes }),
    );
  }
  const reader = new ByteReader(await disk.stream(path));
  try {
    return await readArray(reader, { path, axes });
  } finally {
    await reader.cancel();
  }
}

async function readPart(
  disk: Disk,
  { kind, path, prefix }: { kind: IdxKind; path: string; prefix: string },
): Promise<SourcePart & { rows: number; columns: number }> {
  const find = async (what: string) => {
    // Published with "-idx3-ubyte"; some unpackers write ".idx3-ubyte".
    const stems = [`${prefix}-${what}-ubyte`];
    stems.push(stems[0]!.replace("-idx", ".idx"));
    const names = stems.flatMap((stem) => [stem, `${stem}.gz`]);
    for (const name of names) {
      if ((await disk.stat(`${path}/${name}`))?.kind === "file") return name;
    }
    throw missingFile(kind, { path, names: names.slice(0, 2) });
  };
  const imageName = await find("images-idx3");
  const labelName = await find("labels-idx1");
  const images = await readIdx(disk, `${path}/${imageName}`, 3);
  const labels = await readIdx(disk, `${path}/${labelName}`, 1);
  const [count, rows, columns] = images.shape as [number, number, number];
  if (labels.shape[0] !== count) {
    throw new ConfigError(
      `Cannot read ${path}: ${imageName} has ${count} images, ${labelName} ${
        labels.shape[0]
      } labels`,
      { hint: "The files belong to different sets: get them again" },
    );
  }
  return {
    rows,
    columns,
    labels: Int32Array.from(labels.data),
    // As published, however the files are called and packed here.
    nameOf: (index) => `${prefix}-images-idx3-ubyte[${index}]`,
    read(index) {
      const size = rows * columns;
      return {
        width: columns,
        height: rows,
        channels: 1,
        pixels: images.data.subarray(index * size, (index + 1) * size),
      };
    },
  };
}

/** Opens MNIST, Fashion-MNIST or another set in their files and layout. */
export async function openIdx(
  disk: Disk,
  { path, info }: { path: string; info: FileInfo },
  kind: IdxKind,
): Promise<Source> {
  if (info.kind !== "folder") {
    throw new ConfigError(`Cannot read data set ${kind}: ${path} is no folder`);
  }
  const train = await readPart(disk, { kind, path, prefix: "train" });
  const test = await readPart(disk, { kind, path, prefix: "t10k" });
  if (train.rows !== test.rows || train.columns !== test.columns) {
    throw new ConfigError(
      `Cannot read ${path}: training images are ${train.columns}x${train.rows}, ` +
        `test images ${test.columns}x${test.rows}`,
    );
  }
  const present = [
    ...new Set([train, test].flatMap(({ labels }) => [...new Set(labels)])),
  ].sort((a, b) => a - b);
  // The classes of a set without names are the numbers that occur: some begin at 1.
  const classNames = kind === "idx" ? present.map(String) : CLASS_NAMES[kind];
  const top = present.at(-1)!;
  if (kind !== "idx" && top >= classNames.length) {
    throw new ConfigError(
      `Cannot read ${path}: a label is ${top}, ${kind} has ${classNames.length} classes`,
      { hint: "For other sets in this layout set data.kind=idx" },
    );
  }
  const part = (own: SourcePart): SourcePart =>
    kind === "idx"
      ? { ...own, labels: own.labels.map((label) => present.indexOf(label)) }
      : own;
  return {
    name: kind,
    classNames,
    channels: 1,
    size: { width: train.columns, height: train.rows },
    train: part(train),
    test: part(test),
  };
}
