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
  /** Must hold too. */
  only?: (lookup: Lookup) => boolean;
}

/** Looks an environment variable up. */
type Lookup = (name: string) => string | undefined;

/** Steps from this number on are SLURM's own, as the one that is the shell of salloc. */
const OWN_STEPS = 0xfffffff0;

/** Whether srun has made this process one of its tasks. */
export function isTask(lookup: Lookup): boolean {
  const step = lookup("SLURM_STEP_ID");
  return step !== undefined && Number(step) < OWN_STEPS;
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
    only: isTask,
  },
];

/**
 * Finds the place that mpirun, srun or another PMI launcher gave this process;
 * `undefined` when none did.
 *
 * @throws {ConfigError} If the launcher's variables make no sense.
 */
export function findOwnPlace(lookup: Lookup): OwnPlace | undefined {
  const spoken = DIALECTS.filter(({ rank, only }) =>
    lookup(rank) !== undefined && (only?.(lookup) ?? true)
  );
  const [inner] = spoken;
  if (inner === undefined) return undefined;
  // srun --mpi=pmi2 speaks PMI, and tells the rest in words of its own.
  const dialect =
    spoken.find(({ rank, size, localRank }) =>
      lookup(localRank) !== undefined && lookup(rank) === lookup(inner.rank) &&
      lookup(size) === lookup(inner.size)
    ) ?? inner;
  const { launcher, localSize, nodes } = dialect;
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
