import { ConfigError } from "../../src/env/mod.ts";
import type { Elsewhere } from "../launch/mod.ts";
import { slurm } from "./command.ts";
import type { Job } from "./job.ts";
import { addressesOf, addressHere } from "./step.ts";

/**
 * Where `launch` puts the ranks of a program in a job: in its tasks, each by an
 * srun of its own, which passes output, exit code and signals on.
 *
 * @throws {ConfigError} If the job has too few tasks.
 */
export async function slurmProgram(job: Job, size: number): Promise<Elsewhere> {
  if (size > job.size) {
    throw new ConfigError(
      `Cannot launch ${size} ranks: job ${job.id} has ${job.size} tasks`,
      { hint: `-n ${job.size}, or a job with --ntasks=${size}` },
    );
  }
  const hosts = await addressesOf(job);
  const warning = await sharing(job);
  return {
    host: addressHere(job, hosts),
    command: (rank) => stepOf(job, rank),
    ...(warning === undefined ? {} : { warning }),
  };
}

/** Whether the tasks of a node see each other's GPUs, of which Vulkan takes the first. */
async function sharing({ gpus, nodes }: Job): Promise<string | undefined> {
  if (!gpus || nodes.every(({ tasks }) => tasks === 1)) return undefined;
  const facts = await slurm("scontrol", ["show", "config"]);
  return /^ConstrainDevices\s*=\s*yes/m.test(facts)
    ? undefined
    : "ranks of a node may all compute on its first GPU: this SLURM does not close the others to a task (ConstrainDevices); --ntasks-per-node=1 is safe";
}

/** The srun before a rank's command. */
export function stepOf(job: Job, rank: number): string[] {
  const node = job.nodes.findLast(({ firstRank }) => firstRank <= rank)!;
  const { name, component, cpusPerTask } = node;
  return [
    "srun",
    ...(job.components > 1 ? [`--het-group=${component}`] : []),
    // Only what one task needs, so that the others find their cores and GPUs free.
    "--exact",
    // All of the job's memory, without taking it from the others.
    "--mem=0",
    "--export=ALL",
    "--input=none",
    "--nodes=1",
    "--ntasks=1",
    `--nodelist=${name}`,
    ...(cpusPerTask === undefined ? [] : [`--cpus-per-task=${cpusPerTask}`]),
    ...(job.gpus ? ["--gpus-per-task=1"] : []),
  ];
}
