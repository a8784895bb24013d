import { ConfigError, type Disk, realEnv } from "../../src/env/mod.ts";
import { PHASES } from "../../src/phases/mod.ts";
import {
  areRepeats,
  differingSettings,
  readRun,
  renderComparison,
} from "../../src/report/mod.ts";
import { RunFolder } from "../../src/run/mod.ts";
import { Console, table } from "../console.ts";
import { parseOptions } from "./options.ts";
import { writeOut } from "./write_out.ts";

const HELP = `Usage: compare RUN RUN… [options]

Puts the figures of runs side by side, and the settings in which they differ; where
that is the seed alone, with mean and standard deviation.

  --figure NAME   key of summary.json phases.<phase> (default test_accuracy)
  --out FILE      writes a page with the learning curves over each other too
  --json          one JSON object on stdout

Examples:
  deno task compare runs/*-seed-1 runs/*-seed-2 runs/*-seed-3
  deno task compare runs/fixmatch runs/uda --out compare.html
`;

/** Settings that are listed on the terminal. */
const MOST_SETTINGS = 30;

/** One phase over all runs. */
export interface Row {
  phase: string;
  /** One per run; null where the run has no such figure. */
  values: (number | null)[];
  mean: number | null;
  /** Sample standard deviation; null below two values. */
  deviation: number | null;
}

/** The `compare` verb. */
export async function compare(args: readonly string[]): Promise<number> {
  const console = new Console(realEnv);
  const options = parseOptions(args, {
    verb: "compare",
    string: ["figure", "out"],
    boolean: ["json", "help"],
  });
  if (options.boolean("help")) {
    console.result(HELP);
    return 0;
  }
  const folders = options.positional.map((path) => path.replace(/\/+$/, ""));
  if (folders.length < 2) {
    throw new ConfigError(
      `Cannot compare ${folders.length} run${folders.length === 1 ? "" : "s"}`,
      { hint: "deno task compare runs/A runs/B" },
    );
  }
  const twice = folders.find((path, i) => folders.indexOf(path) < i);
  if (twice !== undefined) {
    throw new ConfigError(`Cannot compare ${twice} with itself`);
  }
  const name = options.string("figure") ?? "test_accuracy";
  const { disk } = realEnv;
  const rows = await compareRuns(disk, folders, name);
  const runs = await Promise.all(folders.map(async (path, i) => ({
    name: namesOf(folders)[i]!,
    data: await readRun(disk, path),
  })));
  const broken = runs.findIndex(({ data }) =>
    Object.keys(data.config).length === 0
  );
  if (broken >= 0) {
    throw new ConfigError(
      `Cannot compare ${folders[broken]}: its config.json cannot be read`,
    );
  }
  const settings = differingSettings(runs.map(({ data }) => data.config));
  const out = options.string("out");
  if (out !== undefined) {
    await writeOut(
      out,
      renderComparison({ figure: name, runs, rows, settings }),
    );
    console.note(`written  ${out}`);
  }
  if (options.boolean("json")) {
    console.result(
      JSON.stringify({ figure: name, runs: folders, rows, settings }),
    );
    return 0;
  }
  const shorts = runs.map(({ name }) => name);
  const repeats = areRepeats(settings);
  const lines = table([
    [name, ...shorts, ...(repeats ? ["mean ± std"] : [])],
    ...rows.map((row) => [
      row.phase,
      ...row.values.map(show),
      ...(repeats ? [`${show(row.mean)} ± ${show(row.deviation)}`] : []),
    ]),
  ]);
  for (const line of lines) console.result(line);
  if (settings.length === 0) return 0;
  console.result("");
  const shown = settings.slice(0, MOST_SETTINGS);
  const listed = table([
    ["settings that differ", ...shorts],
    ...shown.map(({ key, values }) => [key, ...values]),
  ]);
  for (const line of listed) console.result(line);
  if (shown.length < settings.length) {
    console.result(`and ${settings.length - shown.length} more`);
  }
  return 0;
}

/** Last parts of the paths, where these tell the runs apart. */
function namesOf(folders: readonly string[]): readonly string[] {
  const names = folders.map((path) => path.slice(path.lastIndexOf("/") + 1));
  return new Set(names).size === names.length ? names : folders;
}

/**
 * A figure of each phase over all runs.
 *
 * @throws {ConfigError} If a folder is no run, or no run has the figure.
 */
export async function compareRuns(
  disk: Disk,
  folders: readonly string[],
  figure: string,
): Promise<Row[]> {
  const summaries = await Promise.all(folders.map(async (folder) => {
    const run = await RunFolder.open(disk, folder);
    const summary = await run.readJson("summary.json");
    return summary?.phases as Record<string, Record<string, unknown>> ?? {};
  }));
  const rows = PHASES.map((phase) =>
    rowOf(
      phase,
      summaries.map((phases) => {
        const value = phases[phase]?.[figure];
        return typeof value === "number" ? value : null;
      }),
    )
  ).filter(({ mean }) => mean !== null);
  if (rows.length === 0) {
    throw new ConfigError(
      `Cannot compare ${figure}: no run has it in summary.json`,
      { hint: "for example --figure test_accuracy" },
    );
  }
  return rows;
}

function rowOf(phase: string, values: (number | null)[]): Row {
  const known = values.filter((value) => value !== null);
  const mean = known.length === 0
    ? null
    : known.reduce((a, b) => a + b, 0) / known.length;
  const deviation = mean === null || known.length < 2 ? null : Math.sqrt(
    known.reduce((sum, value) => sum + (value - mean) ** 2, 0) /
      (known.length - 1),
  );
  return { phase, values, mean, deviation };
}

function show(value: number | null): string {
  return value === null ? "-" : Number(value.toPrecision(4)).toString();
}
