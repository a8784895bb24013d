import { ConfigError, type Disk, type FileInfo } from "../env/mod.ts";
import { missingFile } from "./locate.ts";
import { type PictureFile, picturePart, pictureSize } from "./picture_files.ts";
import type { Source } from "./source.ts";

/** A table of a few million lines. */
const MAX_TABLE_BYTES = 256 * 1024 * 1024;

interface Row {
  path: string;
  /** Empty where unknown. */
  label: string;
}

/** Two fields of a line; a field in quotes doubles the quotes inside it. */
const LINE =
  /^(?:"((?:[^"]|"")*)"|([^",]*))(?:,\s*(?:"((?:[^"]|"")*)"|([^",]*)))?\s*$/;

/** What the first line of a table may call its columns. */
const PATHS = /^(path|file|file_?name|file_?path|image|image_?path|name|id)$/i;
const LABELS = /^(label|labels|class|class_?name|category|target)$/i;

async function readTable(disk: Disk, file: string): Promise<Row[]> {
  const size = (await disk.stat(file))?.size ?? 0;
  if (size > MAX_TABLE_BYTES) {
    throw new ConfigError(
      `Cannot read ${file}: it has ${size} bytes, the limit is ${MAX_TABLE_BYTES}`,
    );
  }
  const text = (await disk.readText(file)).replace(/^\ufeff/, "");
  const rows: Row[] = [];
  text.split(/\r?\n/).forEach((line, i) => {
    if (line.trim() === "") return;
    const match = LINE.exec(line);
    const field = (quoted?: string, plain?: string) =>
      quoted?.replaceAll('""', '"') ?? (plain ?? "").trim();
    const path = match ? field(match[1], match[2]) : "";
    const label = match ? field(match[3], match[4]) : "";
    if (path === "" || path.includes("\0")) {
      throw new ConfigError(
        `Cannot read ${file}: line ${i + 1} is not path,label`,
        { hint: "Put fields with commas in double quotes" },
      );
    }
    if (i === 0 && PATHS.test(path) && LABELS.test(label)) return;
    rows.push({ path, label });
  });
  return rows;
}

function toFiles(
  rows: readonly Row[],
  { file, classNames }: { file: string; classNames: readonly string[] },
): PictureFile[] {
  const index = new Map(classNames.map((name, i) => [name, i]));
  return rows.map(({ path, label }) => {
    const known = label === "" ? -1 : index.get(label);
    if (known === undefined) {
      throw new ConfigError(
        `Cannot read ${file}: ${path} has class ${label}, which no training picture has`,
      );
    }
    return { path, label: known };
  });
}

/**
 * Opens tables of `path,label` lines: a folder with `train.csv` and optional
 * `test.csv`, or one table. Paths are relative to the table; a line without a
 * label is an unlabelled picture; classes are the sorted labels.
 */
export async function openCsv(
  disk: Disk,
  { path, info }: { path: string; info: FileInfo },
): Promise<Source> {
  const isFile = info.kind === "file";
  const cut = path.lastIndexOf("/");
  const root = isFile ? (cut < 0 ? "." : path.slice(0, cut) || "/") : path;
  const trainFile = isFile ? path : `${path}/train.csv`;
  const testFile = `${path}/test.csv`;
  if (!isFile && (await disk.stat(trainFile))?.kind !== "file") {
    throw missingFile("csv", { path, names: ["train.csv"] });
  }
  const train = await readTable(disk, trainFile);
  const hasTest = !isFile && (await disk.stat(testFile))?.kind === "file";
  const classNames = [...new Set(train.map(({ label }) => label))]
    .filter((label) => label !== "").sort();
  if (classNames.length === 0) {
    throw new ConfigError(
      `Cannot read ${trainFile}: none of its ${train.length} lines has a label`,
      { hint: "A line is path,label with a comma, not a semicolon or a tab" },
    );
  }
  const test = hasTest ? await readTable(disk, testFile) : undefined;
  const unknown = test?.find(({ label }) => label === "");
  if (unknown) {
    throw new ConfigError(
      `Cannot read ${testFile}: ${unknown.path} has no label, a test needs one`,
    );
  }
  const part = (rows: readonly Row[], file: string) =>
    picturePart(disk, root, toFiles(rows, { file, classNames }));
  return {
    name: path.slice(cut + 1).replace(/\.csv$/i, ""),
    classNames,
    channels: 3,
    size: undefined,
    train: part(train, trainFile),
    test: test && part(test, testFile),
    sizeOf: (some, index) => pictureSize(disk, root, some.nameOf(index)),
  };
}
