import { ConfigError, type Disk, type FileInfo } from "../env/mod.ts";

/** The layouts that can be read; `data.kind` of a configuration. */
export const DATA_KINDS = [
  "fashion-mnist",
  "mnist",
  "cifar10",
  "cifar100",
  "idx",
  "folder",
  "csv",
] as const;
export type DataKind = typeof DATA_KINDS[number];

/** Sets that `data fetch` can get. */
const FETCHABLE: readonly DataKind[] = ["fashion-mnist"];

function hintFor(kind: DataKind): string {
  return FETCHABLE.includes(kind)
    ? `Run: sh cluster/run.sh data fetch ${kind}`
    : `Set data.path; README.md, "Your images", says what a ${kind} set looks like and where to get it`;
}

/** Checks that the data is there; without a path it is `data/<kind>`. */
export async function locateData(
  disk: Disk,
  { kind, path }: { kind: DataKind; path: string | undefined },
): Promise<{ path: string; info: FileInfo }> {
  const place = path || `data/${kind}`;
  const info = await disk.stat(place);
  if (!info || info.kind === "other") {
    throw new ConfigError(
      `Cannot read data set ${kind}: ${place} ${
        info ? "is neither a file nor a folder" : "does not exist"
      }`,
      {
        hint: place.startsWith("~")
          ? "A shell leaves ~ as it is after an equals sign: write $HOME"
          : hintFor(kind),
      },
    );
  }
  return { path: place.replace(/(?<=.)\/+$/, ""), info };
}

/** A file that a data set cannot do without. */
export function missingFile(
  kind: DataKind,
  { path, names }: { path: string; names: readonly string[] },
): ConfigError {
  return new ConfigError(
    `Cannot read data set ${kind}: ${path} has no ${names.join(" or ")}`,
    { hint: hintFor(kind) },
  );
}
