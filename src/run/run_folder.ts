import { ConfigError, type Disk } from "../env/mod.ts";
import { toCsv } from "./csv.ts";
import { type MetricsLine, readMetrics } from "./metrics.ts";

type Json = Record<string, unknown>;

/** Classes up to which a confusion matrix is written as a square. */
const MOST_SQUARE = 400;

/**
 * The files of one run. Reading needs nothing else: a copied folder is a
 * complete run.
 */
export class RunFolder {
  readonly path: string;
  readonly #disk: Disk;

  /** Use {@linkcode RunFolder.create} or {@linkcode RunFolder.open}. */
  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.path = path;
  }

  /** Makes the folder and what lies in it; an existing one is kept. */
  static async create(disk: Disk, path: string): Promise<RunFolder> {
    await disk.makeFolder(`${path}/logs`);
    await disk.makeFolder(`${path}/checkpoints`);
    return new RunFolder(disk, path);
  }

  /**
   * Opens the folder of an earlier run.
   *
   * @throws {ConfigError} If it is not there or no run.
   */
  static async open(disk: Disk, path: string): Promise<RunFolder> {
    const kind = (await disk.stat(path))?.kind;
    if (kind !== "folder") {
      throw new ConfigError(
        `Cannot open run ${path}: ${
          kind === undefined ? "there is no such folder" : "it is no folder"
        }`,
      );
    }
    if ((await disk.stat(`${path}/config.json`))?.kind !== "file") {
      throw new ConfigError(`Cannot open run ${path}: it has no config.json`);
    }
    return new RunFolder(disk, path);
  }

  /** Adds one line to `metrics.jsonl`. */
  async appendMetrics(line: MetricsLine): Promise<void> {
    const path = `${this.path}/metrics.jsonl`;
    // Phases that run at the same time write into the same file.
    using _lock = await this.#disk.lock(path);
    await this.#disk.append(path, `${JSON.stringify(line)}\n`);
  }

  /**
   * Cuts `metrics.jsonl` where a phase resumes after `step`: the lines of the
   * phase that come again, and a last line cut in half by a crash. A validation
   * after `validated` and a test come again too.
   */
  async truncateMetrics(
    phase: string,
    { step, validated }: { step: number; validated: number },
  ): Promise<void> {
    if (!await this.#disk.stat(`${this.path}/metrics.jsonl`)) return;
    await this.#changeMetrics((lines) =>
      lines.filter((line) =>
        line.phase !== phase ||
        (line.split !== "test" &&
          line.step <= (line.split === "train" ? step : validated))
      )
    );
  }

  /**
   * Adds those of the newest lines that are not there, or only in half: who wrote
   * may have been lost before it came to them.
   */
  async completeMetrics(newest: readonly MetricsLine[]): Promise<void> {
    await this.#changeMetrics((lines) => {
      const lacking = newest.filter(({ phase, step, split }) =>
        !lines.some((line) =>
          line.phase === phase && line.step === step && line.split === split
        )
      );
      return [...lines, ...lacking];
    });
  }

  /** Writes other lines where they are fewer or more, and drops one cut in half. */
  async #changeMetrics(
    change: (lines: MetricsLine[]) => MetricsLine[],
  ): Promise<void> {
    const path = `${this.path}/metrics.jsonl`;
    using _lock = await this.#disk.lock(path);
    const { lines, damaged } = await readMetrics(this.#disk, this.path);
    const changed = change(lines);
    if (changed.length === lines.length && damaged === 0) return;
    await this.#disk.write(
      path,
      changed.map((line) => `${JSON.stringify(line)}\n`).join(""),
    );
  }

  /** Merges figures into `summary.json`, group by group. */
  async writeSummary(part: Json): Promise<void> {
    await this.writeJson(
      "summary.json",
      merge(await this.readJson("summary.json") ?? {}, part),
    );
  }

  async writeJson(name: string, value: unknown): Promise<void> {
    await this.#disk.write(
      `${this.path}/${name}`,
      `${JSON.stringify(value, null, 2)}\n`,
    );
  }

  async writeText(name: string, text: string): Promise<void> {
    await this.#disk.write(`${this.path}/${name}`, text);
  }

  /** A file's text; `undefined` when there is none. */
  async readText(name: string): Promise<string | undefined> {
    const path = `${this.path}/${name}`;
    if ((await this.#disk.stat(path))?.kind !== "file") return undefined;
    return await this.#disk.readText(path);
  }

  /** A JSON file's object; `undefined` when there is none. */
  async readJson(name: string): Promise<Json | undefined> {
    const path = `${this.path}/${name}`;
    if ((await this.#disk.stat(path))?.kind !== "file") return undefined;
    try {
      const value = JSON.parse(await this.#disk.readText(path));
      if (typeof value === "object" && value !== null) return value as Json;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    throw new ConfigError(`Cannot read ${path}: it is not a JSON object`);
  }

  /** Writes a table such as `pseudo_labels.csv`. */
  async writeTable(
    name: string,
    header: readonly string[],
    rows: readonly (readonly (string | number)[])[],
  ): Promise<void> {
    await this.#disk.write(`${this.path}/${name}`, toCsv([header, ...rows]));
  }

  /**
   * Writes a confusion matrix: a row per true class, a column per prediction. With
   * more classes than anyone looks at as a square, a line per pair that occurs.
   */
  async writeConfusion(
    classNames: readonly string[],
    matrix: ArrayLike<number>,
    name = "confusion.csv",
  ): Promise<void> {
    const size = classNames.length;
    if (size <= MOST_SQUARE) {
      return await this.writeTable(
        name,
        ["true", ...classNames],
        classNames.map((name, row) => [
          name,
          ...Array.from({ length: size }, (_, i) => matrix[row * size + i]!),
        ]),
      );
    }
    const pairs: [string, string, number][] = [];
    for (let at = 0; at < size * size; at++) {
      const count = matrix[at]!;
      if (count === 0) continue;
      const row = Math.floor(at / size);
      pairs.push([classNames[row]!, classNames[at - row * size]!, count]);
    }
    await this.writeTable(name, ["true", "predicted", "count"], pairs);
  }
}

function isGroup(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function merge(into: Json, part: Json): Json {
  const result = { ...into };
  for (const [key, value] of Object.entries(part)) {
    const old = Object.hasOwn(result, key) ? result[key] : undefined;
    result[key] = isGroup(old) && isGroup(value) ? merge(old, value) : value;
  }
  return result;
}
