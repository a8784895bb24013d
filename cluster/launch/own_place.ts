import { ConfigError } from "../../src/env/mod.ts";

/** Where a launcher of others has put this process in its world. */
export interface OwnPlace {
  rank: number;
  size: number;
  /** Place among the ranks of its machine, where the launcher tells. */
  localRank?: number;
  /** The launcher's name for the machine. */
  node?: string;
  /** All ranks are on this machine, as far as the launcher tells. */
  together: boolean;
  /** Name of the launcher, for messages. */
  launcher: string;
}

interface Dialect {
  launcher: string;
  rank: string;
  size: string;
  localRank: string;
  node?: string;
  /** Equal to the size when all ranks are on one machine, … */
  localSize?: string;
  /** … or else this is 1. */
  nodes?: string;
  /** Must be set too. */
  only?: string;
}

/**
 * Innermost first: SLURM starts the daemons of mpirun, whose own variables then
 * stand beside those of SLURM and are the ones that tell the processes apart. In
 * a batch script SLURM sets a rank too; only in a step does it mean one.
 */
const DIALECTS: readonly Dialect[] = [
  {
    launcher: "Open MPI",
    rank: "OMPI_COMM_WORLD_RANK",
    size: "OMPI_COMM_WORLD_SIZE",
    localRank: "OMPI_COMM_WORLD_LOCAL_RANK",
    localSize: "OMPI_COMM_WORLD_LOCAL_SIZE",
  },
  {
    launcher: "PMI",
    rank: "PMI_RANK",
    size: "PMI_SIZE",
    localRank: "MPI_LOCALRANKID",
    localSize: "MPI_LOCALNRANKS",
  },
  {
    launcher: "srun",
    rank: "SLURM_PROCID",
    size: "SLURM_NTASKS",
    localRank: "SLURM_LOCALID",
    node: "SLURMD_NODENAME",
    nodes: "SLURM_STEP_NUM_NODES",
    only: "SLURM_STEP_ID",
  },
];

/**
 * Finds the place that mpirun, srun or another PMI launcher gave this process;
 * `undefined` when none did.
 *
 * @throws {ConfigError} If the launcher's variables make no sense.
 */
export function findOwnPlace(
  lookup: (name: string) => string | undefined,
): OwnPlace | undefined {
  for (const dialect of DIALECTS) {
    const { launcher, only } = dialect;
    const text = lookup(dialect.rank);
    if (text === undefined) continue;
    if (only !== undefined && lookup(only) === undefined) continue;
    const number = (name: string) => {
      const value = lookup(name) ?? "";
      if (/^\d{1,4}$/.test(value)) return Number(value);
      throw new ConfigError(
        `Cannot find this rank's place: ${launcher} gave ${name}="${value}"`,
      );
    };
    const [rank, size] = [number(dialect.rank), number(dialect.size)];
    if (rank >= size) {
      throw new ConfigError(
        `Cannot find this rank's place: ${launcher} gave rank ${rank} of ${size}`,
      );
    }
    const node = dialect.node && lookup(dialect.node);
    const { localSize, nodes } = dialect;
    return {
      rank,
      size,
      launcher,
      together: localSize !== undefined && lookup(localSize) === String(size) ||
        nodes !== undefined && lookup(nodes) === "1",
      ...(lookup(dialect.localRank) === undefined
        ? {}
        : { localRank: number(dialect.localRank) }),
      ...(node ? { node } : {}),
    };
  }
  return undefined;
}
