export { countArray } from "./array.ts";
export {
  forecast,
  jobsNeeded,
  type TimeBudget,
  timeBudget,
  usefulBudget,
} from "./chain.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export { expandCounts, expandHostlist } from "./hostlist.ts";
export { idleGpus, isAllocation, type Job, jobOf } from "./job.ts";
export {
  parsePartitions,
  type Partition,
  partitionFacts,
} from "./partition.ts";
export {
  batchScript,
  type Component,
  quote,
  type ScriptOptions,
} from "./script.ts";
export { slurmProgram, stepOf } from "./program.ts";
export {
  RANK_SCRIPT,
  secondsLeft,
  slurmStarter,
  stepArguments,
  taskEnds,
} from "./step.ts";
export { chainScript, submit } from "./submit.ts";
