import { HAND_LABELS } from "../data/mod.ts";
import type { Disk } from "../env/mod.ts";
import { type MetricsLine, parseCsv, readMetrics } from "../run/mod.ts";
import type { Confusion } from "./heat_map.ts";
import {
  countLabels,
  type DuplicateRow,
  type PseudoLabelRow,
  readDuplicates,
  readPseudoLabels,
  readSuspects,
  type SuspectRow,
} from "./label_tables.ts";

type Json = Record<string, unknown>;

/** What the report knows: the plain files of a run folder. */
export interface RunData {
  config: Json;
  run: Json;
  summary: Json;
  metrics: readonly MetricsLine[];
  confusion: Confusion | undefined;
  /** ROC curves of the shipped model. */
  roc: Json;
  suspects: readonly SuspectRow[];
  /** Groups of equal images. */
  duplicates: readonly (readonly DuplicateRow[])[];
  pseudoLabels: readonly PseudoLabelRow[];
  /** Images that were labelled by hand. */
  byHand: number;
  /** Thumbnails as `data:` addresses, by the image's name. */
  images: ReadonlyMap<string, string>;
  /** Phases with figures or lines, in the order they run. */
  phases: readonly string[];
  /** Files that are missing or cannot be read, with the reason. */
  notes: readonly string[];
}

/** Phases in the order of a run. */
export const PHASE_ORDER = [
  "teacher",
  "teacher2",
  "teacher3",
  "teacher4",
  "distill",
  "classify",
  "selfTrain",
  "baseline",
];
/** Larger files are no run's. */
const MAX_JSON = 16 << 20;
const MAX_METRICS = 256 << 20;
const MAX_PHASES = 16;
/** A table of counts of 5000 classes. */
const MAX_CONFUSION = 64 << 20;
const MAX_TABLE = 16 << 20;
const MAX_PSEUDO_LABELS = 256 << 20;
/** What may stand in a file's name. */
const PHASE_NAME = /^[A-Za-z][A-Za-z0-9]{0,31}$/;

function parse(text: string | undefined): Json {
  try {
    const value = JSON.parse(text ?? "{}");
    return isGroup(value) ? value : {};
  } catch {
    return {};
  }
}

/** Reads a run folder; what is missing or broken is noted, never an error. */
export async function readRun(disk: Disk, folder: string): Promise<RunData> {
  const notes: string[] = [];
  async function json(name: string): Promise<Json> {
    const text = await readText(disk, folder, name, MAX_JSON, notes);
    if (text === undefined) return {};
    try {
      const value = JSON.parse(text);
      if (isGroup(value)) return value;
    } catch {
      // Falls through to the note.
    }
    notes.push(`${name} is not a JSON object`);
    return {};
  }
  const config = await json("config.json");
  const run = await json("run.json");
  const summary = await json("summary.json");
  const table = await readText(
    disk,
    folder,
    "confusion.csv",
    MAX_CONFUSION,
    notes,
  );
  const confusion = table === undefined ? undefined : readConfusion(table);
  if (table !== undefined && !confusion) {
    notes.push("confusion.csv is no square table of counts, and no list");
  }
  const metrics = await readLines(disk, folder, notes);
  const shipped = textAt(summary, "shipped", "phase") ?? "";
  // Not every run has these, so that nothing is said where they are not there.
  const optional = async (name: string, limit = MAX_TABLE) =>
    (await disk.stat(`${folder}/${name}`))?.kind === "file"
      ? await readText(disk, folder, name, limit, notes)
      : undefined;
  const ofShipped = PHASE_NAME.test(shipped);
  const roc = ofShipped ? parse(await optional(`roc_${shipped}.json`)) : {};
  const suspects = readSuspects(
    ofShipped ? await optional(`suspected_labels_${shipped}.csv`) : undefined,
  );
  const duplicates = readDuplicates(await optional("duplicates.csv"));
  const pseudoLabels = readPseudoLabels(
    await optional("pseudo_labels.csv", MAX_PSEUDO_LABELS),
  );
  const byHand = countLabels(await optional(HAND_LABELS));
  const found = new Set([
    ...Object.keys(groupAt(summary, "phases")),
    ...metrics.map(({ phase }) => phase),
  ]);
  const others = [...found].filter((name) => !PHASE_ORDER.includes(name));
  return {
    config,
    run,
    summary,
    metrics,
    confusion,
    roc,
    suspects,
    duplicates,
    pseudoLabels,
    byHand,
    images: new Map(),
    phases: [...PHASE_ORDER.filter((name) => found.has(name)), ...others]
      .slice(0, MAX_PHASES),
    notes,
  };
}

async function readText(
  disk: Disk,
  folder: string,
  name: string,
  limit: number,
  notes: string[],
): Promise<string | undefined> {
  const info = await disk.stat(`${folder}/${name}`);
  if (info?.kind !== "file") {
    notes.push(`${name} is not there yet`);
    return undefined;
  }
  if (info.size > limit) {
    notes.push(`${name} has ${info.size} bytes, more than ${limit}`);
    return undefined;
  }
  return await disk.readText(`${folder}/${name}`);
}

async function readLines(
  disk: Disk,
  folder: string,
  notes: string[],
): Promise<MetricsLine[]> {
  const info = await disk.stat(`${folder}/metrics.jsonl`);
  if (info?.kind !== "file" || info.size > MAX_METRICS) {
    notes.push(
      info
        ? `metrics.jsonl has ${info.size} bytes, more than ${MAX_METRICS}`
        : "metrics.jsonl is not there yet",
    );
    return [];
  }
  const { lines, damaged } = await readMetrics(disk, folder);
  if (damaged > 0) {
    notes.push(`${damaged} lines of metrics.jsonl cannot be read`);
  }
  return lines;
}

function readConfusion(text: string): Confusion | undefined {
  const [header, ...rows] = parseCsv(text);
  const names = header?.slice(1) ?? [];
  const size = names.length;
  if (size === 0) return undefined;
  if (rows.length !== size || rows.some((row) => row.length !== size + 1)) {
    return header!.join() === "true,predicted,count"
      ? readPairs(rows)
      : undefined;
  }
  const matrix = rows.map((row) =>
    new Map(
      row.slice(1).map((count, p) => [p, Number(count)] as const)
        .filter(([, count]) => count !== 0),
    )
  );
  return matrix.every((row) => row.values().every(isCount))
    ? { names, matrix }
    : undefined;
}

/** Lines of true class, predicted class and count, as many classes have them. */
function readPairs(rows: readonly string[][]): Confusion | undefined {
  const indices = new Map<string, number>();
  const matrix: Map<number, number>[] = [];
  const indexOf = (name: string) => {
    const known = indices.get(name);
    if (known !== undefined) return known;
    matrix.push(new Map());
    indices.set(name, matrix.length - 1);
    return matrix.length - 1;
  };
  for (const [from = "", to = "", count] of rows) {
    if (!isCount(Number(count))) return undefined;
    matrix[indexOf(from)]!.set(indexOf(to), Number(count));
  }
  return { names: [...indices.keys()], matrix };
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isGroup(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value under a path of keys, if every step is an object's own key. */
export function valueAt(value: unknown, ...path: string[]): unknown {
  for (const key of path) {
    if (!isGroup(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** Beyond this a value is no figure, and its square would overflow. */
const LARGEST = 1e15;

/** The value if it is a number that can be drawn. */
export function asFigure(value: unknown): number | undefined {
  return typeof value === "number" && Math.abs(value) <= LARGEST
    ? value
    : undefined;
}

/** The number under a path, if it can be drawn. */
export function numberAt(
  value: unknown,
  ...path: string[]
): number | undefined {
  return asFigure(valueAt(value, ...path));
}

/** The text under a path. */
export function textAt(value: unknown, ...path: string[]) {
  const found = valueAt(value, ...path);
  return typeof found === "string" ? found : undefined;
}

/** The object under a path; an empty one when there is none. */
export function groupAt(value: unknown, ...path: string[]): Json {
  const found = valueAt(value, ...path);
  return isGroup(found) ? found : {};
}

/** The list under a path; an empty one when there is none. */
export function listAt(value: unknown, ...path: string[]): readonly unknown[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? found : [];
}
