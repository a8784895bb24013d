import { ConfigError, EnvironmentError } from "../../src/env/mod.ts";
import { isTask } from "../launch/mod.ts";
import { expandCounts, expandHostlist } from "./hostlist.ts";

/** Looks an environment variable up. */
export type Lookup = (name: string) => string | undefined;

/** A node of the job and its ranks. */
export interface JobNode {
  name: string;
  /** Part of a heterogeneous job, from 0 on. */
  component: number;
  /** Rank of its first task. */
  firstRank: number;
  tasks: number;
  /** Cores of each task, where the job says. */
  cpusPerTask?: number;
}

/** The allocation that a batch script runs in. */
export interface Job {
  /** Such as `12`, or `12_3` in an array. */
  id: string;
  nodes: readonly JobNode[];
  /** Parts of a heterogeneous job; 1 for others. */
  components: number;
  /** Ranks of all nodes. */
  size: number;
  /** Where this process runs, if on one of the nodes: salloc has a shell elsewhere too. */
  node?: string;
  /** Earlier lives of the job: it was requeued so often. */
  restarts: number;
  /** Each task has a GPU of its own. */
  gpus: boolean;
  /** GPUs of this node that the job may use, where SLURM tells. */
  gpusHere?: number;
}

/** Whether this is a batch script, or the shell of salloc, that has tasks to start. */
export function isAllocation(lookup: Lookup): boolean {
  return lookup("SLURM_JOB_ID") !== undefined && !isTask(lookup) &&
    ["OMPI_COMM_WORLD_RANK", "PMI_RANK"].every((name) =>
      lookup(name) === undefined
    ) &&
    ["SLURM_NTASKS", "SLURM_JOB_NUM_NODES", "SLURM_HET_SIZE"].some((name) =>
      Number(lookup(name) ?? 1) > 1
    );
}

/** What is odd about a job in which each rank is to have a GPU. */
export function idleGpus({ node, nodes, gpusHere }: Job): string | undefined {
  const tasks = nodes.find(({ name }) => name === node)?.tasks;
  return gpusHere === undefined || tasks === undefined || gpusHere <= tasks
    ? undefined
    : `${node} has ${gpusHere} GPUs for ${tasks} rank${
      tasks === 1 ? "" : "s"
    } of this job: --ntasks-per-node=${gpusHere} uses all of them`;
}

/**
 * The job around this process, from the variables that SLURM sets in a batch
 * script: its nodes in order, and how many tasks each has.
 *
 * @throws {EnvironmentError} Outside a job.
 * @throws {ConfigError} If the variables contradict each other.
 */
export function jobOf(lookup: Lookup): Job {
  const number = lookup("SLURM_JOB_ID");
  if (number === undefined) {
    throw new EnvironmentError(
      "Cannot use --launcher slurm: this is no SLURM job",
      { hint: "deno task slurm CONFIG --nodes N submits one" },
    );
  }
  // One job of an array has the number of the whole, which would mean all of them.
  const array = lookup("SLURM_ARRAY_JOB_ID");
  const id = array === undefined
    ? number
    : `${array}_${lookup("SLURM_ARRAY_TASK_ID")}`;
  const components = Number(lookup("SLURM_HET_SIZE") ?? 1);
  const nodes: JobNode[] = [];
  let size = 0;
  for (let component = 0; component < components; component++) {
    const suffix = components > 1 ? `_HET_GROUP_${component}` : "";
    const list = lookup(`SLURM_JOB_NODELIST${suffix}`);
    if (list === undefined) {
      throw new ConfigError(
        `Cannot lay out job ${id}: SLURM_JOB_NODELIST${suffix} is not set`,
        { hint: "outside a job: unset SLURM_JOB_ID" },
      );
    }
    const counts = lookup(`SLURM_TASKS_PER_NODE${suffix}`) ?? "1";
    const names = expandHostlist(list);
    const tasks = expandCounts(counts);
    if (names.length !== tasks.length) {
      throw new ConfigError(
        `Cannot lay out job ${id}: ${names.length} nodes in ${list}, ${tasks.length} task counts in ${counts}`,
      );
    }
    // Where nobody has said how many tasks there are, SLURM counts cores.
    const said = lookup(`SLURM_NTASKS${suffix}`) !== undefined;
    if (!said && tasks.some((count) => count > 1)) {
      throw new ConfigError(
        `Cannot lay out job ${id}: it does not say how many tasks a node has`,
        { hint: "sbatch --ntasks-per-node=N: a task for each rank" },
      );
    }
    const cpus = lookup(`SLURM_CPUS_PER_TASK${suffix}`);
    names.forEach((name, i) => {
      nodes.push({
        name,
        component,
        firstRank: size,
        tasks: tasks[i]!,
        ...(cpus === undefined ? {} : { cpusPerTask: Number(cpus) }),
      });
      size += tasks[i]!;
    });
  }
  const node = lookup("SLURMD_NODENAME");
  const gpusHere = lookup("SLURM_GPUS_ON_NODE");
  return {
    id,
    nodes,
    components,
    size,
    ...(node === undefined ? {} : { node }),
    restarts: Number(lookup("SLURM_RESTART_COUNT") ?? 0),
    gpus: lookup("SLURM_JOB_GPUS") !== undefined ||
      Number(gpusHere ?? 0) > 0,
    ...(gpusHere === undefined ? {} : { gpusHere: Number(gpusHere) }),
  };
}
