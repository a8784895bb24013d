import type { Config } from "../../src/config/mod.ts";
import { phaseWork } from "../../src/phases/work.ts";
import {
  type Component,
  countArray,
  formatDuration,
  jobsNeeded,
  type TimeBudget,
} from "../slurm/mod.ts";
import type { Layout } from "./slurm_layout.ts";

/** A job as it is to be submitted. */
export interface JobAbout {
  config: Config;
  layout: Layout;
  /** Ranks of all nodes. */
  size: number;
  budget: TimeBudget;
  /** Jobs of a chain. */
  jobs: number;
  /** Images per second to expect. */
  pace: number | undefined;
  /** Seeds of an array of runs. */
  array: string | undefined;
}

/** As administrators name slices, after NVIDIA's profiles: `a100_3g.20gb`. */
const MIG_SLICE = /\dg\.\d+gb/;

/** What a job asks for and costs, in lines for people. */
export function describeJob(about: JobAbout): string[] {
  const { config, layout, size, budget, jobs, array } = about;
  const parts = layout.components.map(describeComponent).join(" and ");
  const limit = budget.limit === Infinity
    ? "none"
    : formatDuration(budget.limit);
  const runs = array === undefined ? "" : `, for each seed of ${array}`;
  const lines = [
    `job    ${count(size, "rank")}${runs}: ${parts}; limit ${limit}`,
  ];
  if (jobs > 1) {
    lines.push(
      `chain  ${jobs} jobs, each starts when the one before has ended`,
    );
  }
  const time = timeLine(about);
  if (time !== undefined) lines.push(time);
  const kinds = layout.gpuKinds;
  if (kinds.length > 1 && size > 1 && !config.mixed) {
    lines.push(
      `warning: the nodes may have different GPUs (${
        kinds.join(", ")
      }): a run on several kinds ends at its start, unless mixed=true`,
    );
  }
  const slice = kinds.find((kind) => MIG_SLICE.test(kind));
  if (slice !== undefined) {
    lines.push(
      `warning: ${slice} is a slice of a GPU (MIG), which has no Vulkan: --sbatch --gres=gpu:TYPE:N asks for whole ones`,
    );
  }
  return lines;
}

function describeComponent(
  { nodes, partition, ranksPerNode, gpusPerNode }: Component,
): string {
  const place = gpusPerNode > 0 ? count(gpusPerNode, "GPU") : "the CPU";
  return `${count(nodes, "node")} of ${partition} (each ${
    count(ranksPerNode, "rank")
  } on ${place})`;
}

/** How long the run takes, in how many jobs; nothing where that is not limited. */
function timeLine(
  { config, layout, budget, jobs, pace, array }: JobAbout,
): string | undefined {
  const images = [...phaseWork(config).values()]
    .reduce((sum, { images }) => sum + images, 0);
  if (pace === undefined) {
    return budget.limit === Infinity
      ? undefined
      : `time   ${images} images: --images-per-second of an earlier run tells how many jobs they take`;
  }
  const seconds = images / pace;
  const gpus = layout.components.reduce(
    (sum, { nodes, gpusPerNode }) => sum + nodes * gpusPerNode,
    0,
  );
  const runs = array === undefined ? 1 : countArray(array);
  const [each, all] = runs === 1 ? ["", ""] : [" each", ` for all ${runs}`];
  const cost = gpus === 0
    ? ""
    : `, ${(runs * gpus * seconds / 3600).toFixed(1)} GPU hours${all}`;
  const needed = jobsNeeded(seconds, budget);
  return `time   ${images} images at ${pace}/s: ${
    formatDuration(seconds)
  }${each}${cost}, in ${count(needed, "job")}${each}${inChain(needed, jobs)}`;
}

function inChain(needed: number, jobs: number): string {
  if (jobs === 1) {
    return needed === 1
      ? ""
      : `: the same one, put back into the queue ${count(needed - 1, "time")}`;
  }
  return needed > jobs
    ? `: ${needed - jobs} more than --jobs ${jobs}`
    : `: will finish in job ${needed} of ${jobs}`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}
