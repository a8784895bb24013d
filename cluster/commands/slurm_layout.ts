import { type Config, mostRanks } from "../../src/config/mod.ts";
import { ConfigError } from "../../src/env/mod.ts";
import {
  type Component,
  formatDuration,
  parseDuration,
  type Partition,
  partitionFacts,
  type TimeBudget,
  usefulBudget,
} from "../slurm/mod.ts";
import type { Options } from "./options.ts";

/** What is known of a job from its partitions. */
export interface Layout {
  /** Kinds of nodes. */
  components: Component[];
  /** The shortest limit of the partitions, in seconds. */
  limit: number;
  /** Names of all GPUs that it may get. */
  gpuKinds: string[];
}

/** Kinds of nodes of the job, and what their partitions say. */
export async function layoutOf(options: Options): Promise<Layout> {
  const nodes = list(options, "nodes")?.map((text) => whole("nodes", text));
  if (nodes === undefined) {
    throw new ConfigError("Cannot submit a job: --nodes is missing", {
      hint: "deno task slurm CONFIG --nodes N",
    });
  }
  const names = list(options, "partition") ?? [];
  const ranks =
    list(options, "ranks-per-node")?.map((text) =>
      whole("ranks-per-node", text)
    ) ?? [];
  for (
    const [name, { length }] of [
      ["partition", names],
      ["ranks-per-node", ranks],
    ] as const
  ) {
    if (length <= 1 || length === nodes.length) continue;
    throw new ConfigError(
      `Cannot lay out the job: --nodes has ${nodes.length} of the ${length} parts of --${name}`,
      {
        hint:
          `--nodes has a number for each kind of node, as in 2,4; --${name} as many, or one for all`,
      },
    );
  }
  const facts = await Promise.all(
    nodes.map((_, i) => partitionFacts(names[i] ?? names[0])),
  );
  const components = nodes.map((count, i) =>
    componentOf(facts[i]!, count, ranks[i] ?? ranks[0])
  );
  return {
    components,
    limit: Math.min(...facts.map(({ timeLimit }) => timeLimit)),
    gpuKinds: [...new Set(facts.flatMap(({ gpuKinds }) => gpuKinds))],
  };
}

function componentOf(
  partition: Partition,
  nodes: number,
  ranks: number | undefined,
): Component {
  const { name, gpusPerNode, cpusPerNode } = partition;
  if (nodes > partition.nodes) {
    throw new ConfigError(
      `Cannot use ${nodes} nodes: the partition ${name} has ${partition.nodes}${
        gpusPerNode > 0 ? " with GPUs" : ""
      }`,
    );
  }
  const ranksPerNode = ranks ?? Math.max(1, gpusPerNode);
  if (gpusPerNode > 0 && ranksPerNode > gpusPerNode) {
    throw new ConfigError(
      `Cannot place ${ranksPerNode} ranks on a node: the partition ${name} has ${gpusPerNode} GPUs a node, and each rank needs its own`,
    );
  }
  if (ranksPerNode > cpusPerNode) {
    throw new ConfigError(
      `Cannot place ${ranksPerNode} ranks on a node: the partition ${name} has ${cpusPerNode} cores a node`,
    );
  }
  return {
    partition: name,
    nodes,
    ranksPerNode,
    gpusPerNode: Math.min(gpusPerNode, ranksPerNode),
    cpusPerRank: Math.floor(
      cpusPerNode / Math.max(ranksPerNode, gpusPerNode),
    ),
  };
}

/** The configuration's number of ranks must be that of the nodes. */
export function checkSize(config: Config, size: number): void {
  if (config.ranks !== "auto" && config.ranks !== size) {
    throw new ConfigError(
      `Cannot submit ${config.ranks} ranks: the nodes have places for ${size}`,
      { hint: "ranks=auto takes all" },
    );
  }
  checkBatch(config, size);
}

/** Each rank must have images of a batch. */
export function checkBatch(config: Config, size: number): void {
  if (size <= mostRanks(config)) return;
  const needs = config.phases.selfTrain.enabled
    ? "a labelled and an unlabelled image"
    : "an image";
  throw new ConfigError(
    `Cannot train on ${size} ranks: each needs ${needs} of globalBatch=${config.globalBatch}`,
  );
}

/**
 * Time of the job: the limit that is asked for, within the partition's, and what is
 * kept back of it.
 */
export function budgetOf(options: Options, limit: number): TimeBudget {
  const wish = options.string("time");
  const time = wish === undefined ? limit : parseDuration(wish);
  if (time > limit) {
    throw new ConfigError(
      `Cannot run for ${wish}: the partition's limit is ${
        formatDuration(limit)
      }`,
      { hint: "a job that is not done goes on after it: leave --time out" },
    );
  }
  return usefulBudget(time, {
    reserve: options.number("reserve"),
    hint: "more --time, another --partition, or less --reserve",
  });
}

function list(options: Options, name: string): string[] | undefined {
  return options.string(name)?.split(",").map((text) => text.trim());
}

function whole(name: string, text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new ConfigError(
    `Cannot use --${name} ${text}: it needs whole numbers from 1 on`,
  );
}
