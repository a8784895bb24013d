export {
  type LinkRate,
  linkRate,
  parseBitRate,
  type Transport,
  TRANSPORTS,
} from "./link_rate.ts";
export {
  allGatherTime,
  type AllReduceTime,
  allReduceTime,
  type World,
} from "./all_reduce_time.ts";
export { slowestOf } from "./slowest.ts";
export { type StepShape, type StepTime, stepTime } from "./step_time.ts";
