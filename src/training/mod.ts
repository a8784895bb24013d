export {
  Batch,
  NO_IMAGE,
  type RowRange,
  SplitBatch,
  splitRows,
} from "./batch.ts";
export {
  BLOCKS,
  type Communicator,
  type LeasedWork,
  type Leases,
  mirrorCommunicator,
  silentCommunicator,
  soloCommunicator,
  type Summands,
} from "./communicator.ts";
export { Division, shareOf, shareOffsets } from "./division.ts";
export { Inference, type InferenceOptions } from "./inference.ts";
export { leasesFor } from "./leases.ts";
export { Leftovers, type PartRows } from "./leftovers.ts";
export { largestFitting } from "./largest_fitting.ts";
export { inGroup, PassGradients } from "./pass_gradients.ts";
export { CONSTANTS, type Normalisation, PatchInput } from "./input.ts";
export { LossScale, type LossScaleOptions } from "./loss_scale.ts";
export { takeFromOwners } from "./owned_state.ts";
export { Optimizer, type OptimizerOptions } from "./optimizer.ts";
export type { RankTimes } from "./rank_times.ts";
export { ReplicaCheck, ReplicaMismatchError } from "./replica_check.ts";
export * from "./schedules.ts";
export {
  type Metric,
  METRICS,
  type MetricValues,
  StepMetrics,
} from "./step_metrics.ts";
export { SharedRows, type SharedRowsOptions } from "./shared_rows.ts";
export type { GatherPart } from "./exchange.ts";
export { StepProgram } from "./step_program.ts";
export type { FinishedStep } from "./step_queue.ts";
export { StepUniform, type StepValues } from "./step_uniform.ts";
export type { Wire } from "./wire.ts";
