import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { Console, table } from "../console.ts";
import {
  type Check,
  checkCache,
  checkDisk,
  checked,
  checkGpu,
  checkNats,
  checkPermissions,
  checkRuntime,
  checkVulkan,
  explain,
  judgeCluster,
  ownMachine,
} from "../doctor/mod.ts";
import type { AdapterWish } from "../gpus/mod.ts";
import {
  isRank,
  measureAsRank,
  measureHere,
  ratesLine,
} from "./doctor_cluster.ts";
import { GPU_OPTIONS, gpuWishOf } from "./gpu_options.ts";
import { type Options, parseOptions } from "./options.ts";

const HELP = `Usage: doctor [options]
       doctor --cluster [--ranks N]
       doctor --explain CODE

Looks at everything that a run needs, from the kernel's driver to the numbers that
kernels compute, and says how to mend what is wrong. Exit code 3 when no run can
work here.

  --adapter gpu    a GPU must be there; cpu: one that is there is not wanted
  --cluster        measures ranks: matrix products alone and together, the links
                   of the ring; names shared GPUs, slow ranks and slow links
  --ranks N        so many, on this machine (default: one a GPU, 2 on a CPU);
                   deno task launch -A … cluster/main.ts doctor --cluster
                   measures the ranks of its world
  --gpu-bind WHICH, --allow-shared   as for train
  --explain CODE   what a code such as VK-04 means, and what to do
  --json           one JSON object, for bug reports`;

/** Version of the JSON output; raised when a reader would have to change. */
const JSON_VERSION = 2;

/** Examines this machine; resolves with the exit code. */
export async function doctor(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "doctor",
    string: ["explain", ...GPU_OPTIONS.string],
    number: ["ranks"],
    boolean: ["json", "help", "cluster", "rates", ...GPU_OPTIONS.boolean],
    positional: 0,
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const code = options.string("explain");
  if (code !== undefined) {
    for (const line of explain(code)) terminal.result(line);
    return 0;
  }
  const ranks = options.number("ranks");
  if (ranks === 0 || ranks !== undefined && !options.boolean("cluster")) {
    throw new ConfigError(
      `Cannot use --ranks ${ranks}: ${
        ranks === 0 ? "there is nothing to measure" : "only --cluster has ranks"
      }`,
      { hint: "deno task doctor --cluster --ranks 2" },
    );
  }
  const json = options.boolean("json");
  const checks: Check[] = [];
  const found = options.boolean("cluster")
    ? examineCluster(options, terminal)
    : examine(gpuWishOf(options).adapter);
  for await (const check of found) {
    checks.push(check);
    if (!json) show(terminal, check);
  }
  // The other ranks of a world have nothing to tell.
  if (checks.length === 0) return 0;
  const usable = checks.every(({ status }) => status !== "error");
  if (json) {
    terminal.result(JSON.stringify({ version: JSON_VERSION, usable, checks }));
  } else {
    terminal.result(usable ? "usable" : "not usable: mend the errors above");
  }
  return usable ? 0 : 3;
}

/** Ranks side by side, those of this world or some of this machine's own. */
async function* examineCluster(
  options: Options,
  terminal: Console,
): AsyncGenerator<Check> {
  const ranks = options.number("ranks");
  const rates = isRank()
    ? await measureAsRank()
    : await measureHere(gpuWishOf(options), ranks);
  if (rates === undefined) return;
  if (options.boolean("rates")) return terminal.result(ratesLine(rates));
  if (!options.boolean("json")) {
    const columns = [
      "rank",
      "host",
      "GPU",
      "GFLOP/s alone",
      "together",
      "GB/s to next",
    ];
    const rows = rates.map(({ rank, host, gpu, alone, together, link }) => [
      String(rank),
      host,
      gpu.kind === "cpu" ? gpu.name : `GPU-${gpu.uuid.slice(0, 8)} ${gpu.name}`,
      alone.toFixed(1),
      together.toFixed(1),
      rates.length > 1 ? link.toFixed(2) : "",
    ]);
    for (const line of table([columns, ...rows])) terminal.result(line);
  }
  yield* judgeCluster(rates);
  if (options.boolean("json")) return;
  const slowest = Math.min(...rates.map(({ together }) => together));
  terminal.result(
    `what a run takes on these: deno task plan CONFIG --ranks ${rates.length} --gflops ${
      Number(slowest.toPrecision(3))
    }`,
  );
}

/** All checks, in the order in which one depends on another. */
async function* examine(wish: AdapterWish): AsyncGenerator<Check> {
  yield* await checked("runtime", checkRuntime);
  yield* await checked("permissions", checkPermissions);
  yield* await checked("cache", checkCache);
  yield* await checked("disk", () => checkDisk(realEnv));
  yield* await checked("nats", () => checkNats(realEnv));
  const machine = ownMachine(realEnv, wish);
  let nvidia = false;
  yield* await checked("driver", async () => {
    const found = await checkVulkan(machine);
    nvidia = found.nvidia;
    // Before this process loads a driver.
    for (const [name, value] of Object.entries(found.variables)) {
      Deno.env.set(name, value);
    }
    return found.checks;
  });
  yield* checkGpu(machine, nvidia);
}

function show(terminal: Console, check: Check): void {
  const { status, name, code, detail, hint } = check;
  const text = code === undefined ? detail : `${code}: ${detail}`;
  terminal.result(`${status.padEnd(5)}  ${name.padEnd(11)}  ${text}`);
  if (hint !== undefined) {
    terminal.result(`       ${"hint".padEnd(11)}  ${hint}`);
  }
}
