import type { Config } from "../../src/config/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import {
  AdapterUnavailableError,
  Device,
  type KernelForm,
  MEMORY_KINDS,
} from "../../src/gpu/mod.ts";
import { type Plan, planRun, type RankPlan } from "../../src/phases/mod.ts";
import { Console, table } from "../console.ts";
import { surveyGpus } from "../gpus/mod.ts";
import { requestedConfig } from "../launch/mod.ts";
import { describeTime, planTime, timeJson } from "./plan_time.ts";
import { type Options, parseOptions } from "./options.ts";

const HELP = `Usage: plan [CONFIG] [key=value…] [options]

Shows what \`train\` would run with the same arguments, before it runs: phases,
steps, parameters, memory of each rank by kind, micro-batches, and the bytes that
ranks exchange in a step; if asked, what steps and the whole take. Every phase is
recorded, and its buffers are counted instead of made; the peaks are those of a run
within 5 %. Images are read, since their number and size decide; nothing is written.

  CONFIG              a JSON file (default: configs/default.json)
  key=value           overrides a key, as in globalBatch=512
  --ranks N           ranks (default: the configuration's; auto = one a GPU, 2
                      on a CPU)
  --adapter auto|none limits of this machine's adapter, or of a common GPU
                      (auto: a common GPU where there is no adapter)
  --mixed             ranks on different adapters, as for train
  --speeds 2,1,1      with it: how fast each rank is beside this machine's adapter,
                      or the one of --step-ms or --gflops; they divide images by it
  --measure           times some steps of one rank, with all that it does but for
                      waiting for the others, and predicts steps, efficiency and
                      time; what it writes is removed
  --step-ms MS        predicts from the time of a rank's step alone; phases that
                      differ: --step-ms teacher=640,distill=187 and so on, all of them
  --gflops R          predicts from each phase's matrix products at R GFLOP/s, as
                      doctor --cluster measures them, and nothing else: real steps
                      take longer, and wait for the network a smaller part of it
  --link RATE         network of a node, for the prediction (default: 10Gbit)
  --transport NAME    direct (rank to rank), nats (a server on every node) or
                      central (one server for all, on the first ranks' node);
                      default direct
  --ranks-per-node N  ranks that share a node's network, and on a CPU its cores
                      (default: 1; with --measure and no --link all, here)
  --images-per-second R  instead, the pace of all ranks that an earlier run had
  --time-limit T      in how many jobs of so much time: minutes or 4:00:00
  --form FORM         register (CPU adapters) or tiled (GPUs): textures that
                      kernels need (default: by the adapter)
  --verbose           every scratch buffer of each step's pool
  --json              one JSON object on stdout

Memory too large? microBatch=N splits a rank's images, recompute=true keeps only
the inputs of blocks.

Examples:
  deno task plan
  deno task plan configs/cifar10.json student.dim=384 globalBatch=512 --ranks 8
  deno task plan configs/cifar10.json --ranks 8 --step-ms 505 --link 25Gbit`;

const FORMS: readonly KernelForm[] = ["register", "tiled"];

/** Shows what a configuration would run and hold; resolves with the exit code. */
export async function plan(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "plan",
    string: [
      "adapter",
      "form",
      "step-ms",
      "gflops",
      "link",
      "transport",
      "time-limit",
      "speeds",
      "images-per-second",
    ],
    number: ["ranks", "ranks-per-node"],
    boolean: ["measure", "mixed", "verbose", "json", "help"],
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const overrides = options.positional.filter((text) => text.includes("="));
  const [path, ...more] = options.positional.filter((text) =>
    !text.includes("=")
  );
  if (more.length > 0) {
    throw new ConfigError(`Cannot plan "${more[0]}" too: one configuration`);
  }
  if (options.boolean("mixed")) overrides.push("mixed=true");
  const config = await requestedConfig(realEnv.disk, {
    ...(path === undefined ? {} : { path }),
    overrides,
  });
  using device = await dryDevice(options);
  const speeds = speedsOf(options.string("speeds"), config);
  const ranks = options.number("ranks") ?? speeds?.length ??
    (config.ranks === "auto" ? await autoRanks(device) : config.ranks);
  if (ranks < 1 || ranks > config.globalBatch) {
    throw new ConfigError(
      `Cannot plan ${ranks} ranks: 1 to ${config.globalBatch} have an image each of globalBatch`,
    );
  }
  if (speeds !== undefined && speeds.length !== ranks) {
    throw new ConfigError(
      `Cannot plan ${ranks} ranks with ${speeds.length} speeds: each needs one`,
    );
  }
  const made = await planRun({ env: realEnv, config, ranks, device, speeds });
  const time = await planTime(realEnv, made, options, {
    cpu: device.adapter.cpu,
    speeds,
    config,
  });
  if (options.boolean("json")) {
    const { name } = device.adapter;
    const { form } = device;
    terminal.result(
      JSON.stringify({ adapter: { name, form }, ...made, ...timeJson(time) }),
    );
    return 0;
  }
  const verbose = options.boolean("verbose");
  for (const line of describe(made, device, verbose)) terminal.result(line);
  for (const line of describeTime(time)) terminal.result(line);
  for (const warning of made.warnings) terminal.note(`warning: ${warning}`);
  if (options.string("gflops") !== undefined) {
    terminal.note(
      "gflops  matrix products alone: steps take longer than this, and wait for the network a smaller part of it",
    );
  }
  if (config.mixed && speeds === undefined && ranks > 1) {
    terminal.note(
      "mixed  a run measures how fast its ranks are; this is for equal ones: --speeds 2,1 tells others",
    );
  }
  return 0;
}

/** How fast the ranks are, of mixed adapters. */
function speedsOf(
  text: string | undefined,
  { mixed }: Pick<Config, "mixed">,
): number[] | undefined {
  if (text === undefined) return undefined;
  const speeds = text.split(",").map(Number);
  if (!speeds.every((speed) => speed > 0 && speed < Infinity)) {
    throw new ConfigError(`Cannot use --speeds ${text}: these are no speeds`, {
      hint: "one a rank, such as 2,1,1",
    });
  }
  if (!mixed) {
    throw new ConfigError(
      "Cannot use --speeds: ranks divide images by them with --mixed alone",
    );
  }
  return speeds;
}

/** As many as a run would have: the GPUs of this machine, 2 on a CPU, else 1. */
async function autoRanks({ adapter }: Device): Promise<number> {
  if (adapter.cpu) return 2;
  if (adapter.vendor === 0) return 1;
  const { usable } = await surveyGpus(realEnv, {
    wish: "auto",
    lookup: (name) => Deno.env.get(name),
  });
  return usable.length || 1;
}

/** A device that counts, with the limits that a run would meet. */
async function dryDevice(options: Options): Promise<Device> {
  const adapter = options.string("adapter") ?? "auto";
  const form = FORMS.find((name) => name === options.string("form"));
  if (options.string("form") !== undefined && form === undefined) {
    throw new ConfigError(
      `Cannot use --form ${options.string("form")}: forms are ${
        FORMS.join(", ")
      }`,
    );
  }
  if (adapter !== "auto" && adapter !== "none") {
    throw new ConfigError(`Cannot use --adapter ${adapter}: auto or none`);
  }
  if (adapter === "auto") {
    try {
      using device = await Device.open(form === undefined ? {} : { form });
      return device.rehearsal();
    } catch (error) {
      if (!(error instanceof AdapterUnavailableError)) throw error;
    }
  }
  return Device.dry({
    adapter: { name: "a common GPU", vendor: 0, device: 0, cpu: false },
    form: form ?? "tiled",
  });
}

function describe(plan: Plan, device: Device, verbose: boolean): string[] {
  const { data, ranks, phases } = plan;
  const lines = [
    `plan  ${ranks} rank${
      ranks === 1 ? "" : "s"
    }  global batch ${plan.global_batch}  ${device.adapter.name}, ${device.form} kernels${
      plan.recompute ? "  blocks run again in backward" : ""
    }`,
    `data  ${data.name}: ${data.train} + ${data.test} images, ${
      size(data.bytes)
    } on every GPU`,
    "",
    ...table([
      [
        "phase",
        "images",
        "steps",
        "parameters",
        "images/rank",
        "FLOP/rank",
        "micro-batch",
        "peak/rank",
        "all-reduce/step",
        "buckets",
        "gather/step",
      ],
      ...phases.map((phase) => {
        const [largest] = phase.ranks;
        const gathered = phase.gather_bytes.reduce((sum, b) => sum + b, 0);
        return [
          phase.phase,
          String(phase.images),
          String(phase.steps),
          `${(phase.parameters / 1e6).toFixed(2)} M`,
          phase.ranks.map(({ images }) => images).join(" or "),
          operations(largest!.flops),
          batches(largest!),
          size(largest!.peak_bytes),
          size(phase.all_reduce_bytes),
          String(phase.bucket_bytes.length),
          size(gathered),
        ];
      }),
    ]),
    "",
  ];
  const kinds = MEMORY_KINDS.filter((kind) =>
    phases.some(({ ranks }) => ranks.some(({ memory }) => memory[kind]))
  );
  lines.push(
    ...table([
      ["at the peak", "ranks", ...kinds, "all"],
      ...phases.flatMap(({ phase, ranks }) =>
        ranks.map((rank) => [
          phase,
          span(rank.ranks),
          ...kinds.map((kind) => size(rank.memory[kind] ?? 0)),
          size(rank.peak_bytes),
        ])
      ),
    ]),
  );
  if (!verbose) return lines;
  for (const { phase, ranks, bucket_bytes } of phases) {
    const { pool } = ranks[0]!;
    lines.push(
      "",
      `${phase}: ${pool.buffers.length} scratch buffers, ${
        size(pool.bytes)
      }; lifetimes allow ${size(pool.lower_bound)}`,
      ...table(
        grouped(pool.buffers).map(([bytes, count]) => [
          `  ${count} x`,
          size(bytes),
        ]),
      ),
    );
    if (bucket_bytes.length > 0) {
      lines.push(`  buckets: ${bucket_bytes.map(size).join(", ")}`);
    }
  }
  return lines;
}

function batches({ micro_batch, micro_batches, images }: RankPlan): string {
  return micro_batches === 1
    ? String(images)
    : `${micro_batches} x ${micro_batch}`;
}

function span(ranks: readonly number[]): string {
  const [first = 0] = ranks;
  const last = ranks.at(-1)!;
  return ranks.length === 1
    ? String(first)
    : last - first + 1 === ranks.length
    ? `${first}-${last}`
    : `${ranks.length} of them`;
}

function grouped(sizes: readonly number[]): [bytes: number, count: number][] {
  const counts = new Map<number, number>();
  for (const bytes of sizes) counts.set(bytes, (counts.get(bytes) ?? 0) + 1);
  return [...counts];
}

function operations(flops: number): string {
  const [unit, scale] = flops < 1e9
    ? ["M", 1e6]
    : flops < 1e12
    ? ["G", 1e9]
    : ["T", 1e12];
  return `${(flops / scale).toFixed(1)} ${unit}`;
}

function size(bytes: number): string {
  if (bytes === 0) return "-";
  if (bytes < 1e3) return `${bytes} B`;
  if (bytes < 1e5) return `${(bytes / 1e3).toFixed(1)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
