export { barrier } from "./barrier.ts";
export { blockAllReduce } from "./block_all_reduce.ts";
export { bruckAllGather } from "./bruck_all_gather.ts";
export { chainAllReduce } from "./chain_all_reduce.ts";
export { chainBroadcast } from "./chain_broadcast.ts";
export { chainScan } from "./chain_scan.ts";
export { evenOffsets, offsetsOf } from "./chunks.ts";
export { gatherAllReduce } from "./gather_all_reduce.ts";
export { hierarchicalAllReduce } from "./hierarchical_all_reduce.ts";
export { linearGather, linearGatherBytes } from "./linear_gather.ts";
export { linearScatterBytes } from "./linear_scatter.ts";
export {
  pairwiseAllToAll,
  pairwiseAllToAllBytes,
} from "./pairwise_all_to_all.ts";
export { pairwiseReduceScatter } from "./pairwise_reduce_scatter.ts";
export { ringAllGather } from "./ring_all_gather.ts";
export { ringAllReduce, ringReduceScatter } from "./ring_all_reduce.ts";
export { treeAllReduce } from "./tree_all_reduce.ts";
export { treeBroadcast, treeBroadcastBytes } from "./tree_broadcast.ts";
export { treeReduce } from "./tree_reduce.ts";
