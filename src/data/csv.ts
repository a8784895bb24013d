import { ConfigError, type Disk, type FileInfo } from "../env/mod.ts";
import { parseCsv } from "../run/mod.ts";
import { missingFile } from "./locate.ts";
import {
  isPictureName,
  type PictureFile,
  picturePart,
  pictureSize,
} from "./picture_files.ts";
import type { Source } from "./source.ts";

/** A table of a few million lines. */
const MAX_TABLE_BYTES = 256 * 1024 * 1024;

interface Row {
  path: string;
  /** Empty where unknown. */
  label: string;
}

/** What the first line of a table may call its columns, the likeliest names first. */
const PATHS = [
  /^(path|file|file_?name|file_?path|image_?path)$/i,
  /^(image|name|id)$/i,
];
const LABELS = /^(label|labels|class|class_?name|category|target)$/i;

interface Columns {
  path: number;
  label: number;
  /** Of each line; 0 = any. */
  count: number;
}

/** As the first line says; `undefined` if that is a picture's own. */
function namedColumns(first: readonly string[]): Columns | undefined {
  const label = first.findIndex((name) => LABELS.test(name));
  if (label < 0 || first.some(isPictureName)) return undefined;
  const path = PATHS.map((names) => first.findIndex((name) => names.test(name)))
    .find((column) => column >= 0);
  return { path: path ?? (label === 0 ? 1 : 0), label, count: 0 };
}

async function readTable(disk: Disk, file: string): Promise<Row[]> {
  const size = (await disk.stat(file))?.size ?? 0;
  if (size > MAX_TABLE_BYTES) {
    throw new ConfigError(
      `Cannot read ${file}: it has ${size} bytes, the limit is ${MAX_TABLE_BYTES}`,
    );
  }
  const text = await disk.readText(file);
  const lines = parseCsv(text).map((cells) => cells.map((cell) => cell.trim()));
  const named = namedColumns(lines[0] ?? []);
  const columns = named ?? { path: 0, label: 1, count: 2 };
  const open = text.split('"').length % 2 === 0;
  const rows: Row[] = [];
  lines.forEach((cells, i) => {
    if (cells.every((cell) => cell === "") || (i === 0 && named)) return;
    const path = cells[columns.path] ?? "";
    const label = cells[columns.label] ?? "";
    const tooMany = columns.count > 0 && cells.length > columns.count;
    const unclosed = open && i === lines.length - 1;
    if (path === "" || path.includes("\0") || tooMany || unclosed) {
      throw new ConfigError(
        `Cannot read ${file}: line ${i + 1} is not path,label`,
        {
          hint: path.includes("\0")
            ? "Save the table as UTF-8"
            : "Put fields with commas in double quotes; a table of more columns needs a first line with their names, path and label among them",
        },
      );
    }
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
      { hint: "A line is path,label with a comma or a semicolon, not a tab" },
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
    root,
    classNames,
    channels: 3,
    size: undefined,
    train: part(train, trainFile),
    test: test && part(test, testFile),
    sizeOf: (some, index) => pictureSize(disk, root, some.nameOf(index)),
  };
}
