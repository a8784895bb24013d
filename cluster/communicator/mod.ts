export { CommWorker, type CommWorkerOptions } from "./comm_worker.ts";
export { WorkerCommunicator } from "./worker_communicator.ts";
export { LinkCommunicator } from "./link_communicator.ts";
export { Exchange, type ExchangeOptions } from "./exchange.ts";
export { Comm } from "./comm.ts";
export type { JoinOptions } from "./worker_messages.ts";
export {
  CollectiveMismatchError,
  CollectiveTimeoutError,
  RankFailedError,
  type Wait,
} from "./errors.ts";
export type { TransportCounts } from "./transport.ts";
export { init, type InitOptions, runRanks } from "./init.ts";
export { PLACE_VARIABLES, TUNING_VARIABLES } from "./place.ts";
export { type Algorithm, ALGORITHMS, selectAllReduce } from "./selection.ts";
export { ANY_SOURCE, ANY_TAG, type Envelope } from "./envelope.ts";
export type { CallOptions } from "./group.ts";
export type {
  Message,
  ReceiveOptions,
  SendOptions,
  WaitOptions,
} from "./point_to_point.ts";
export type { IntoOptions, RootOptions } from "./data_movement.ts";
export type { Op, ReduceOptions } from "./global_reductions.ts";
export type { ReduceOp, UserOp } from "./reductions.ts";
export type { ElementType, Json, TypedArray } from "./elements.ts";
export { TREE_SIZES } from "./sweep.ts";
export { segmentBytesFor } from "./segments.ts";
