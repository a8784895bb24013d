import { ConfigError, type Disk } from "../env/mod.ts";
import { DATA_KINDS, type DataKind } from "./locate.ts";

/** Name patterns, first match wins. */
const SIGNS: readonly (readonly [RegExp, DataKind])[] = [
  [
    /^(cifar-10-binary\.tar\.gz|cifar-10-batches-bin|data_batch_1\.bin)$/,
    "cifar10",
  ],
  [/^(cifar-100-binary\.tar\.gz|cifar-100-binary|train\.bin)$/, "cifar100"],
  [/^train-images[-.]idx3-ubyte(\.gz)?$/, "idx"],
  [/^train\.csv$/, "csv"],
];

/** Guesses a data set's kind from the names in it; what is left is a folder of pictures. */
export async function detectKind(disk: Disk, path: string): Promise<DataKind> {
  const info = await disk.stat(path);
  if (!info || info.kind === "other") {
    throw new ConfigError(
      `Cannot read ${path}: ${
        info ? "it is neither a file nor a folder" : "it does not exist"
      }`,
    );
  }
  const isFolder = info.kind === "folder";
  const base = path.replace(/\/+$/, "").replace(/^.*\//, "");
  const entries = isFolder
    ? await disk.list(path)
    : [{ name: base, kind: "file" }];
  const found = SIGNS.find(([sign]) =>
    entries.some(({ name }) => sign.test(name))
  )?.[1];
  // `data/<kind>` is where sets are put: it tells sets in the same files apart, and
  // what an empty folder lacks.
  const named = isFolder ? DATA_KINDS.find((kind) => kind === base) : undefined;
  if (found === "idx" && named?.endsWith("mnist")) return named;
  if (found !== undefined) return found;
  if (isFolder) {
    const parted = entries.some(({ kind }) => kind === "folder");
    return parted ? "folder" : named ?? "folder";
  }
  if (/\.csv$/i.test(path)) return "csv";
  throw new ConfigError(`Cannot read ${path}: its kind is not clear`, {
    hint: "Say it with --kind cifar10 or --kind cifar100",
  });
}
