export { CommWorker, type CommWorkerOptions } from "./comm_worker.ts";
export { WorkerCommunicator } from "./worker_communicator.ts";
export { LinkCommunicator } from "./link_communicator.ts";
export { Exchange, type ExchangeOptions } from "./exchange.ts";
export { Comm } from "./comm.ts";
export type { JoinOptions } from "./worker_messages.ts";
export {
  CollectiveMismatchError,
  CollectiveTimeoutError,
  describeWait,
  RankFailedError,
  type Wait,
} from "./errors.ts";
