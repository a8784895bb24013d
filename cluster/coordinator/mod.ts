export { advance } from "./core.ts";
export { deal } from "./leasing.ts";
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
  shortProgress,
  summaryTable,
} from "./describe.ts";
export {
  chooseSplit,
  INDEPENDENT,
  type PhaseCost,
  planTeams,
  type RankSplit,
  splitRanks,
  splitWish,
  type Wish,
} from "./rank_split.ts";
export { Journal, readDone, readTeams } from "./journal.ts";
export {
  type Action,
  type ClusterEvent,
  type Failure,
  initialState,
  type JournalRecord,
  LIMITS,
  type Limits,
  type RankState,
  type SplitState,
  type State,
  type StopRequest,
} from "./state.ts";
export { RunRecord } from "./run_record.ts";
