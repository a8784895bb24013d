import { ConfigError } from "../../src/env/mod.ts";
import type { AdapterFacts, KernelForm } from "../../src/gpu/mod.ts";
import { table } from "../../cluster/console.ts";
import { formOf } from "../common/form.ts";
import { median, spread } from "../common/measure.ts";
import { figure, percent, type Row } from "../common/rows.ts";
import type { BenchOptions, Report, Verb } from "../common/verb.ts";
import { modelOf } from "../step/models.ts";
import type { How, Request, TrainReply } from "./requests.ts";
import { Team } from "./team.ts";

/** The default configuration's model, and the one that `bench step` compares. */
const SHAPES = ["deit32p8d64l3h4b128", "vit32p4d192l6h3b64"];
const WIRES = ["f32", "bf16", "f16", "int8"] as const;
const MOST_RANKS = 8;

export const overlap: Verb = {
  about: "what communication costs a step beyond its overlap with backward",
  help: `Usage: bench overlap [options]

Ranks as processes of this machine, behind proxies that limit what each sends and
receives, so that the all-reduce of a step alone takes a given part of its compute.
In every round: a rank's share in one piece, the same in the pieces of a
distributed step without exchanges, and the step as it is. Exposed is the part of
the step in which ranks wait for sums; ranks must end with the same weights.

  --ranks N          2 to ${MOST_RANKS}, default 2
  --model SHAPE      as in bench step; default ${SHAPES.join(" and ")}
  --wire TYPE        ${WIRES.join(", ")}; default f32
  --form FORM        register or tiled; default: what the adapter runs faster
  --bucket-bytes N   auto, a number or several with commas; default auto
  --share N          all-reduce alone in percent of compute, default 40
  --rounds N         default 3
  --steps N          of each turn, default 6
`,
  string: ["model", "wire", "form", "bucket-bytes"],
  boolean: [],
  number: ["ranks", "share", "rounds", "steps"],
  async run(options, log) {
    const ranks = ranksOf(options);
    const asked = options.string("model");
    const wire = wireOf(options.string("wire"));
    const form = await formOf(options.string("form"));
    await using team = await Team.start(ranks, form);
    const [about] = await team.ask<{ adapter: AdapterFacts }>({ do: "about" });
    const rows: Row[] = [];
    const buckets = bucketsOf(options.string("bucket-bytes"));
    for (const shape of asked === undefined ? SHAPES : [asked]) {
      for (const bucketBytes of buckets) {
        rows.push(
          await measure(team, {
            shape: modelOf(shape).shape,
            ranks,
            form,
            wire,
            bucketBytes,
            share: (options.number("share") ?? 40) / 100,
            rounds: Math.max(1, options.number("rounds") ?? 3),
            steps: Math.max(2, options.number("steps") ?? 6),
            log,
          }),
        );
      }
    }
    return { adapter: about!.adapter, rows, missing: [], ranks };
  },
  table: overlapTable,
};

interface Wish {
  shape: string;
  ranks: number;
  form: KernelForm;
  wire: typeof WIRES[number];
  bucketBytes: number | "auto";
  share: number;
  rounds: number;
  steps: number;
  log(line: string): void;
}

async function measure(team: Team, wish: Wish): Promise<Row> {
  const { shape, ranks, wire, bucketBytes, share, rounds, steps, log } = wish;
  const train = async (how: How, count = steps + 1) => {
    const request: Request = { do: "train", how, steps: count };
    return await team.ask<TrainReply>({ ...request });
  };
  const reduce = async (times: number) => {
    const replies = await team.ask<{ ms: number[] }>({ do: "reduce", times });
    return median(
      replies[0]!.ms.map((_, i) =>
        Math.max(...replies.map(({ ms }) => ms[i]!))
      ),
    );
  };
  await team.shape(Infinity);
  const [opened] = await team.ask<{ buckets: number[] }>({
    do: "open",
    shape,
    wire,
    bucketBytes,
  });
  const { buckets } = opened!;
  const bytes = buckets.reduce((sum, size) => sum + size, 0);
  // Compiles and warms; the compute that the speed of the ways is set by.
  for (const how of ["alone", "apart", "together"] as const) {
    await train(how, 2);
  }
  const compute = slowest(await train("apart"), "ms");
  const wanted = share * compute;
  // A ring carries 2 (n - 1) / n of the bytes in and out of each rank.
  let rate = 2 * (ranks - 1) / ranks * bytes / (wanted / 1000);
  for (let i = 0; i < 4; i++) {
    await team.shape(rate);
    const found = await reduce(3);
    log(
      `${shape}: ${(rate / 1e6).toFixed(1)} MB/s, all-reduce ${
        found.toFixed(1)
      } ms of ${wanted.toFixed(1)} ms wanted`,
    );
    if (Math.abs(found / wanted - 1) < 0.05) break;
    rate *= found / wanted;
  }
  const alone: number[] = [];
  const apart: number[] = [];
  const together: number[] = [];
  const exposed: number[] = [];
  const reduced: number[] = [];
  const longer: number[] = [];
  for (let round = 0; round < rounds; round++) {
    alone.push(slowest(await train("alone"), "ms"));
    apart.push(slowest(await train("apart"), "ms"));
    const replies = await train("together");
    together.push(slowest(replies, "ms"));
    exposed.push(
      median(replies.map(({ ms, waitMs }) => median(waitMs) / median(ms))),
    );
    reduced.push(await reduce(3) / apart.at(-1)!);
    longer.push(1 - apart.at(-1)! / together.at(-1)!);
    log(
      `${shape}: compute ${apart.at(-1)!.toFixed(1)} ms, step ${
        together.at(-1)!.toFixed(1)
      } ms, exposed ${percent(exposed.at(-1))}`,
    );
  }
  const sums = await team.ask<{ sum: number }>({ do: "weights" });
  return {
    name: "overlap",
    shape,
    form: wish.form,
    precision: "f32",
    unit: "ms",
    median: median(together),
    spread: spread(together),
    runs: rounds,
    ms: median(together),
    ceiling: median(apart),
    ceiling_name: "the step without exchanges",
    ratio: median(apart) / median(together),
    wrong: sums.filter(({ sum }) => sum !== sums[0]!.sum).length,
    ranks,
    wire,
    buckets,
    rate_mb_s: rate / 1e6,
    one_piece_ms: median(alone),
    /** Of the step in pieces, what they cost beyond one piece. */
    pieces: median(apart.map((ms, i) => 1 - alone[i]! / ms)),
    all_reduce_share: median(reduced),
    exposed: median(exposed),
    longer: median(longer),
  };
}

/** Median over the steps, of the slowest rank. */
function slowest(replies: readonly TrainReply[], key: "ms" | "waitMs"): number {
  return Math.max(...replies.map((reply) => median(reply[key])));
}

function overlapTable(report: Report): string[] {
  const heads = [
    "model",
    "ranks",
    "wire",
    "buckets",
    "one piece",
    "in pieces",
    "step ms",
    "spread",
    "MB/s",
    "all-reduce alone",
    "exposed",
    "longer",
    "wrong",
  ];
  return table([
    heads,
    ...report.rows.map((row) => [
      row.shape,
      `${row.ranks}`,
      `${row.wire}`,
      `${(row.buckets as number[]).length}`,
      figure(row.one_piece_ms as number),
      figure(row.ceiling),
      figure(row.median),
      percent(row.spread),
      figure(row.rate_mb_s as number),
      `${percent(row.all_reduce_share as number)} of compute`,
      percent(row.exposed as number),
      percent(row.longer as number),
      `${row.wrong}`,
    ]),
  ]);
}

function ranksOf(options: BenchOptions): number {
  const ranks = options.number("ranks") ?? 2;
  if (ranks >= 2 && ranks <= MOST_RANKS) return ranks;
  throw new ConfigError(`Cannot use ${ranks} ranks`, {
    hint: `2 to ${MOST_RANKS}`,
  });
}

function bucketsOf(text = "auto"): (number | "auto")[] {
  return text.split(",").map((part) => {
    if (part === "auto") return part;
    if (/^[1-9]\d*$/.test(part)) return Number(part);
    throw new ConfigError(`Cannot use --bucket-bytes ${part}: it is no number`);
  });
}

function wireOf(text: string | undefined): typeof WIRES[number] {
  const found = WIRES.find((wire) => wire === (text ?? "f32"));
  if (found !== undefined) return found;
  throw new ConfigError(`Cannot use --wire ${text}: there is no such type`, {
    hint: `types: ${WIRES.join(" ")}`,
  });
}
