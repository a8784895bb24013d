export { advance } from "./core.ts";
export {
  Coordinator,
  type CoordinatorOptions,
  type Observer,
  type RankHandle,
  type RunEnd,
} from "./coordinator.ts";
export {
  describeFailure,
  headline,
  progressLine,
  summaryTable,
  wireLine,
} from "./describe.ts";
export { Journal, readDone } from "./journal.ts";
export {
  type Action,
  type ClusterEvent,
  type Failure,
  initialState,
  type JournalRecord,
  LIMITS,
  type Limits,
  type RankState,
  type State,
  type StopRequest,
} from "./state.ts";
export { RunRecord } from "./run_record.ts";
