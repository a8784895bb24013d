import { ConfigError } from "../../src/env/mod.ts";
import { slurm } from "./command.ts";
import { parseDuration } from "./duration.ts";

/** What a partition offers. */
export interface Partition {
  name: string;
  isDefault: boolean;
  /** GPUs of a node; where nodes differ, what all have that have any. */
  gpusPerNode: number;
  /** What SLURM calls them, such as `a100`, where it has names for them. */
  gpuKinds: readonly string[];
  cpusPerNode: number;
  /** Those with GPUs, where there are some. */
  nodes: number;
  /** Longest time of a job in seconds; `Infinity` without a limit. */
  timeLimit: number;
}

/** Columns of sinfo that {@linkcode parsePartitions} reads. */
const COLUMNS = "%P|%l|%G|%c|%D";

/**
 * Facts of the partition `name`, or of the default one.
 *
 * @throws {EnvironmentError} If SLURM does not answer.
 * @throws {ConfigError} If there is no such partition.
 */
export async function partitionFacts(name?: string): Promise<Partition> {
  const found = parsePartitions(await slurm("sinfo", ["-h", "-o", COLUMNS]));
  const wanted = found.find((partition) =>
    name === undefined ? partition.isDefault : partition.name === name
  );
  if (wanted !== undefined) return wanted;
  throw new ConfigError(
    name === undefined
      ? "Cannot choose a partition: this cluster has no default one"
      : `Cannot use the partition "${name}": there is none of that name`,
    { hint: `partitions: ${found.map(({ name }) => name).join(" ")}` },
  );
}

/**
 * Partitions in the output of sinfo: a line for each kind of node. Where some have
 * GPUs, the others are not counted: they get no job that asks for them.
 */
export function parsePartitions(text: string): Partition[] {
  const kinds = text.split("\n").filter((line) => line.trim() !== "")
    .map(parseKind);
  return [...Map.groupBy(kinds, ({ name }) => name).values()].map((all) => {
    const withGpus = all.filter(({ gpusPerNode }) => gpusPerNode > 0);
    const nodes = withGpus.length > 0 ? withGpus : all;
    return {
      ...nodes[0]!,
      gpusPerNode: Math.min(...nodes.map(({ gpusPerNode }) => gpusPerNode)),
      gpuKinds: [...new Set(nodes.flatMap(({ gpuKinds }) => gpuKinds))],
      cpusPerNode: Math.min(...nodes.map(({ cpusPerNode }) => cpusPerNode)),
      nodes: nodes.reduce((sum, { nodes }) => sum + nodes, 0),
    };
  });
}

/** Nodes of one kind in a partition. */
function parseKind(line: string): Partition {
  const [marked = "", limit = "", gres = "", cpus = "", nodes = ""] = line
    .split("|");
  return {
    name: marked.replace(/\*$/, ""),
    isDefault: marked.endsWith("*"),
    ...gpusOf(gres),
    // Nodes that differ are written `16+`: each has at least so many.
    cpusPerNode: Number.parseInt(cpus, 10) || 1,
    nodes: Number.parseInt(nodes, 10) || 0,
    timeLimit: parseDuration(limit),
  };
}

/** GPUs in a list of resources, such as `gpu:tesla:4(S:0-1),nic:1`. */
function gpusOf(
  gres: string,
): Pick<Partition, "gpusPerNode" | "gpuKinds"> {
  const resources = gres.replace(/\([^)]*\)/g, "").split(",")
    .map((resource) => resource.split(":"))
    .filter(([kind]) => kind === "gpu");
  const gpusPerNode = resources.reduce((sum, [, ...rest]) => {
    const count = Number(rest.at(-1) ?? 1);
    return sum + (Number.isInteger(count) ? count : 1);
  }, 0);
  const gpuKinds = resources.map(([, kind]) => kind)
    .filter((kind) => kind !== undefined && !/^\d+$/.test(kind));
  return { gpusPerNode, gpuKinds: gpuKinds as string[] };
}
