import { table } from "../../cluster/console.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { corePlaces } from "../../cluster/launch/core_places.ts";
import { Device } from "../../src/gpu/mod.ts";
import type { Row } from "../common/rows.ts";
import type { BenchOptions, Report, Verb } from "../common/verb.ts";
import { modelOf } from "../step/models.ts";
import { measureScaling, type Mode, MODES } from "./measure_scaling.ts";
import { scalingPage } from "./page.ts";
import { scalingTable } from "./scaling_table.ts";
import {
  type Predicted,
  simulate,
  simulationTable,
  WIRES,
} from "./simulate.ts";
import { LEAST_STEPS } from "./training_run.ts";

const SHAPE = "deit32p4d192l12h3b32";
const SIMULATED_SHAPE = "deit224p16d384l12h6b64";

export const scaling: Verb = {
  about: "training on more and more ranks: speed-up, efficiency, prediction",
  help: `Usage: bench scaling [options]
       bench scaling --simulate RANKS --link RATE --step-ms MS [options]

Trains the same model on each number of ranks in turn, and again: images/s,
speed-up and efficiency against the fewest ranks of the same round, how long ranks
waited for each other, and what the alpha-beta model of the measured all-reduce
predicts. On a CPU each rank has cores of its own.

  --ranks A,B,…        default: 1,2,4,… up to the cores, or the adapters at hand
  --mode weak|strong   weak: the batch grows with the ranks; strong: they divide
                       it; default both
  --model SHAPE        as in bench step, with the batch of a rank (weak) or of all
                       (strong); default ${SHAPE}
  --runs N             runs of each, default 5
  --steps N            steps of a run, default 12; the first and last two do not
                       count
  --cores-per-rank N   default 1 on a CPU adapter; 0: all cores for all
  --target SHARE       also the seconds until this validation accuracy (0 to 1)
  --config FILE        a configuration to start from
  --launcher NAME      as in train, such as slurm
  --page FILE          also writes a page with charts

  --simulate N         predicts worlds of up to N ranks instead, and measures nothing
  --link RATE          network of a node, such as 25Gbit
  --step-ms MS         milliseconds of one rank's step alone
  --wire TYPE          ${Object.keys(WIRES).join(", ")}; default f32
  --ranks-per-node N   default 1
  --accumulate N       micro-batches of a step, default 1
`,
  string: [
    "ranks",
    "mode",
    "model",
    "target",
    "config",
    "launcher",
    "page",
    "link",
    "wire",
    "step-ms",
  ],
  boolean: [],
  number: [
    "runs",
    "steps",
    "cores-per-rank",
    "simulate",
    "ranks-per-node",
    "accumulate",
  ],
  async run(options, log) {
    const ranks = options.number("simulate");
    const report = ranks === undefined
      ? await measured(options, log)
      : simulated(options, ranks);
    const page = options.string("page");
    if (page !== undefined) {
      await realEnv.disk.write(page, scalingPage(report.rows, linesOf(report)));
      log(`page  ${page}`);
    }
    return report;
  },
  table: (report) => table(linesOf(report)),
};

function linesOf({ rows, simulated }: Report): string[][] {
  return simulated === undefined
    ? scalingTable(rows)
    : simulationTable(simulated as Predicted[]);
}

async function measured(
  options: BenchOptions,
  log: (line: string) => void,
): Promise<Report> {
  using device = await Device.open();
  const { adapter, form } = device;
  const config = options.string("config");
  const launcher = options.string("launcher");
  // Ranks that others start have the cores that those give them.
  const cores = options.number("cores-per-rank") ??
    (launcher === undefined ? (adapter.cpu ? 1 : 0) : undefined);
  const target = options.string("target");
  const ranks = ranksOf(options.string("ranks"), adapter.cpu);
  // Not after minutes.
  if (cores && launcher === undefined) {
    await corePlaces(Math.max(...ranks), cores);
  }
  const rows = await measureScaling({
    model: modelOf(options.string("model") ?? SHAPE),
    modes: modesOf(options.string("mode")),
    ranks,
    runs: Math.max(1, options.number("runs") ?? 5),
    steps: Math.max(LEAST_STEPS, options.number("steps") ?? 12),
    coresPerRank: cores,
    target: target === undefined ? undefined : shareOf(target),
    overrides: config === undefined ? [] : [config],
    options: launcher === undefined ? [] : [`--launcher=${launcher}`],
    cpu: adapter.cpu,
    form,
    log,
  });
  return { adapter, rows, missing: [] };
}

function simulated(options: BenchOptions, ranks: number): Report {
  const shape = options.string("model") ?? SIMULATED_SHAPE;
  const stepMs = Number(options.string("step-ms"));
  const link = options.string("link");
  if (!(stepMs > 0) || link === undefined || ranks < 1) {
    throw new ConfigError(
      "Cannot simulate: it needs ranks, the network and the time of a step",
      { hint: "such as --simulate 1024 --link 25Gbit --step-ms 120" },
    );
  }
  const wire = options.string("wire") ?? "f32";
  const predicted = simulate({
    ranks,
    link,
    stepMs,
    shape,
    wire,
    ranksPerNode: Math.max(1, options.number("ranks-per-node") ?? 1),
    accumulate: Math.max(1, options.number("accumulate") ?? 1),
  });
  return {
    adapter: { name: "none", vendor: 0, device: 0, cpu: false },
    missing: [],
    simulated: predicted,
    rows: predicted.map((row): Row => ({
      name: "simulated scaling",
      shape,
      form: "model",
      precision: wire,
      unit: "ms",
      median: row.stepMs,
      spread: 0,
      runs: 0,
      ms: row.stepMs,
      ranks: row.ranks,
      link: row.transport,
      mode: row.transport,
      efficiency: row.efficiency,
      serial_efficiency: row.serialEfficiency,
      all_reduce_ms: row.allReduceMs,
      exposed_ms: row.exposedMs,
      speed_up: row.ranks * row.efficiency,
      wrong: 0,
    })),
  };
}

function modesOf(text: string | undefined): readonly Mode[] {
  if (text === undefined) return MODES;
  const mode = MODES.find((name) => name === text);
  if (mode !== undefined) return [mode];
  throw new ConfigError(`Cannot use --mode ${text}: there is no such mode`, {
    hint: `modes: ${MODES.join(" ")}`,
  });
}

function ranksOf(text: string | undefined, cpu: boolean): number[] {
  if (text === undefined) {
    if (!cpu) return [1];
    const sizes = [];
    for (let n = 1; n <= navigator.hardwareConcurrency; n *= 2) sizes.push(n);
    return sizes;
  }
  const sizes = text.split(",").map(Number);
  if (sizes.every((size) => Number.isInteger(size) && size >= 1)) {
    return [...new Set(sizes)].sort((a, b) => a - b);
  }
  throw new ConfigError(`Cannot use --ranks ${text}: these are no ranks`, {
    hint: "such as 1,2,4",
  });
}

function shareOf(text: string): number {
  const share = Number(text);
  if (share > 0 && share <= 1) return share;
  throw new ConfigError(`Cannot use --target ${text}: it is no share`, {
    hint: "an accuracy between 0 and 1, such as 0.6",
  });
}
