export {
  CODES,
  type Collective,
  type CollectiveName,
  type Piece,
  type Port,
} from "./collective.ts";
export { allGather } from "./all_gather.ts";
export { allReduce } from "./all_reduce.ts";
export { barrier } from "./barrier.ts";
export { broadcast } from "./broadcast.ts";
