import { fileURLToPath } from "node:url";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { Console } from "../console.ts";
import { checkInputs, chooseRun } from "../launch/mod.ts";
import {
  chainScript,
  type Component,
  countArray,
  quote,
  type ScriptOptions,
  submit,
} from "../slurm/mod.ts";
import { type Options, parseOptions } from "./options.ts";
import { paceGiven } from "./pace.ts";
import { budgetOf, checkSize, layoutOf } from "./slurm_layout.ts";
import { describeJob } from "./slurm_text.ts";

const HELP = `Usage: slurm [CONFIG] [key=value…] --nodes N [options]

Writes the batch script of a run from what the partition offers, and submits it:
one rank on each GPU, a NATS server on each node, a checkpoint before the time
limit, and the job goes back into the queue until the run is done.

  CONFIG, key=value      as for train
  --nodes N[,N…]         nodes; several numbers make a heterogeneous job
  --partition P[,P…]     partition of each (default: the cluster's)
  --ranks-per-node R[,R…]  ranks on each node (default: its GPUs; without GPUs, 1)
  --time T               limit of a job: minutes, 4:00:00, 1-12:00:00 (default:
                         the partition's)
  --reserve SECONDS      kept back for the last checkpoint (default: 120, at most a
                         quarter of the limit)
  --jobs N               a chain of N jobs, where jobs may not be requeued
  --images-per-second R  pace to expect, for the number of jobs: of an earlier run
  --array LIST           a run for each number, which is its seed: 1-5 or 1,7,9
  --run-dir DIR          run folder, on a disk that all nodes share
  --resume DIR           go on with that run
  --sbatch "--account=lab --qos=long"   further options of sbatch
  --dry-run              print the script instead of submitting it
  --json                 the job and its script as one JSON object

Examples:
  deno task slurm configs/cifar100.json --nodes 4
  deno task slurm configs/cifar100.json --nodes 2 --time 4:00:00 --jobs 4 --dry-run
  deno task slurm --nodes 2,4 --partition a100,t4`;

/** SLURM's signal comes so long before the limit, in seconds. */
const LEAD_SECONDS = 180;

/** Writes and submits the batch script of a run. */
export async function slurm(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "slurm",
    dashed: ["sbatch"],
    string: [
      "nodes",
      "partition",
      "ranks-per-node",
      "time",
      "array",
      "run-dir",
      "resume",
      "sbatch",
      "images-per-second",
    ],
    number: ["jobs", "reserve"],
    boolean: ["dry-run", "json", "help"],
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const words = options.positional;
  const [path, other] = words.filter((word) => !word.includes("="));
  if (other !== undefined) {
    throw new ConfigError(
      `Cannot use both ${path} and ${other}: one configuration at a time`,
      { hint: "overrides look like key=value" },
    );
  }
  const folder = options.string("run-dir");
  const resume = options.string("resume");
  const choice = await chooseRun(realEnv, {
    overrides: words.filter((word) => word.includes("=")),
    ...(path === undefined ? {} : { path }),
    ...(folder === undefined ? {} : { folder }),
    ...(resume === undefined ? {} : { resume }),
  });
  const { config } = choice;
  await checkInputs(realEnv, choice);
  const layout = await layoutOf(options);
  const { components } = layout;
  const size = components.reduce(
    (sum, { nodes, ranksPerNode }) => sum + nodes * ranksPerNode,
    0,
  );
  checkSize(config, size);
  const budget = budgetOf(options, layout.limit);
  const timeLimit = budget.limit;
  const root = fileURLToPath(new URL("../../", import.meta.url))
    .replace(/\/$/, "");
  const array = arrayOf(options, components);
  const reserve = options.number("reserve");
  const extra = options.string("sbatch");
  if (extra?.includes("\n")) {
    throw new ConfigError("Cannot use --sbatch of several lines");
  }
  const script: ScriptOptions = {
    template: await realEnv.disk.readText(`${root}/cluster/slurm/train.sbatch`),
    name: `signet-${config.name}`,
    components,
    timeLimit,
    lead: Math.min(LEAD_SECONDS, Math.floor(timeLimit / 4)),
    root,
    // SLURM's patterns begin with a %.
    output: `${absolute(choice.folder).replaceAll("%", "%%")}/slurm-${
      array === undefined ? "%j" : "%A-%a"
    }.log`,
    train: trainWords(
      reserve === undefined ? words : [...words, `--reserve=${reserve}`],
      choice.folder,
      array,
    ),
    ...(array === undefined ? {} : { array }),
    ...(extra === undefined ? {} : { extra }),
  };
  const pace = paceGiven(options);
  const jobs = options.number("jobs") ?? 1;
  if (jobs < 1 || jobs > 100) {
    throw new ConfigError(`Cannot submit ${jobs} jobs: 1 to 100 are possible`);
  }
  const about = { config, layout, size, budget, jobs, pace, array };
  for (const line of describeJob(about)) terminal.note(line);
  const dry = options.boolean("dry-run");
  const ids = dry ? [] : await submit(realEnv, choice.folder, script, jobs);
  if (options.boolean("json")) {
    terminal.result(JSON.stringify({
      run: choice.folder,
      jobs: ids,
      ranks: size,
      components,
      time_limit: timeLimit === Infinity ? null : timeLimit,
      script: chainScript(script, 1, jobs),
    }));
  } else if (dry) terminal.result(chainScript(script, 1, jobs).trimEnd());
  else {
    terminal.result(
      `submitted  job ${ids.join(", then ")}  run ${choice.folder}`,
    );
  }
  return 0;
}

function arrayOf(
  options: Options,
  components: readonly Component[],
): string | undefined {
  const array = options.string("array");
  if (array !== undefined && components.length > 1) {
    throw new ConfigError(
      "Cannot use --array with nodes of several kinds: SLURM has no such jobs",
      { hint: "submit a job for each seed" },
    );
  }
  if (array !== undefined && countArray(array) === 0) {
    throw new ConfigError(`Cannot use --array ${array}: it has no numbers`, {
      hint: "as in 1-5, 0-20:5 or 1,7,9%2",
    });
  }
  return array;
}

/** What the script gives to train; an array's runs lie in one folder. */
function trainWords(
  words: readonly string[],
  folder: string,
  array: string | undefined,
): string[] {
  if (array === undefined) {
    return [...words, `--run-dir=${folder}`].map(quote);
  }
  return [
    ...words.map(quote),
    '"seed=$SLURM_ARRAY_TASK_ID"',
    `${quote(`--run-dir=${folder}`)}"/seed-$SLURM_ARRAY_TASK_ID"`,
  ];
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}
