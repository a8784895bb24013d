import { formatDuration } from "./duration.ts";

/** Nodes of one kind; a heterogeneous job has several. */
export interface Component {
  partition: string;
  nodes: number;
  ranksPerNode: number;
  /** 0 on nodes without. */
  gpusPerNode: number;
  cpusPerRank: number;
}

export interface ScriptOptions {
  /** Text of `train.sbatch`. */
  template: string;
  name: string;
  components: readonly Component[];
  /** Seconds; `Infinity` takes the partition's own. */
  timeLimit: number;
  /** Seconds before the limit at which SLURM's signal comes. */
  lead: number;
  /** Checkout, on a file system that all nodes share. */
  root: string;
  /** Log of the batch script, with SLURM's patterns. */
  output: string;
  /** Arguments of `train`, each one word for the shell. */
  train: readonly string[];
  /** Such as `1-5`, for `SLURM_ARRAY_TASK_ID` in `train`. */
  array?: string;
  /** Place in a chain of jobs. */
  chain?: { job: number; jobs: number };
  /** Further options of sbatch, such as `--account=lab --mem=0`; they win. */
  extra?: string;
}

/**
 * The batch script of a run: the template's own, with the options of this job and
 * the arguments of `train` in their place.
 */
export function batchScript(options: ScriptOptions): string {
  const { template, components, root, train, chain, extra, array } = options;
  const lines = template.trimEnd().split("\n");
  const first = lines.findIndex((line) => line.startsWith("#SBATCH"));
  const body = lines.filter((line) => !line.startsWith("#SBATCH"));
  const signal = lines.find((line) => line.startsWith("#SBATCH --signal="))!;
  const common = [
    ["--job-name", options.name],
    ["--output", quote(options.output)],
    ["--open-mode", "append"],
    ...(options.timeLimit === Infinity
      ? []
      : [["--time", formatDuration(options.timeLimit)]]),
    ...(array === undefined ? [] : [["--array", array]]),
  ].map(([name, value]) => `#SBATCH ${name}=${value}`);
  const header = [
    ...common,
    signal.replace(/@\d+$/, `@${options.lead}`),
    "#SBATCH --requeue",
    ...components.flatMap((component, i) => [
      ...(i === 0 ? [] : ["#SBATCH hetjob"]),
      ...componentLines(component),
      ...(extra === undefined ? [] : [`#SBATCH ${extra}`]),
    ]),
  ];
  const variables = [
    `export SIGNET_ROOT=${quote(root)}`,
    ...(chain === undefined
      ? []
      : [`export SIGNET_JOB=${chain.job} SIGNET_JOBS=${chain.jobs}`]),
    `set -- ${train.join(" ")}`,
  ];
  const start = body.indexOf("set -u");
  return [
    ...body.slice(0, first),
    ...header,
    ...body.slice(start, start + 1),
    ...variables,
    ...body.slice(start + 1),
    "",
  ].join("\n");
}

function componentLines(component: Component): string[] {
  const { partition, nodes, ranksPerNode, gpusPerNode, cpusPerRank } =
    component;
  return [
    `--partition=${partition}`,
    `--nodes=${nodes}`,
    `--ntasks-per-node=${ranksPerNode}`,
    `--cpus-per-task=${cpusPerRank}`,
    ...(gpusPerNode > 0 ? [`--gres=gpu:${gpusPerNode}`] : []),
    // What follows from the loss of one is the run's to decide.
    "--no-kill",
  ].map((option) => `#SBATCH ${option}`);
}

/** One word for the shell. */
export function quote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
}
