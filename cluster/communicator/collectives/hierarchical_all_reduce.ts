import type { TypedArray } from "../elements.ts";
import { type Port, subPort } from "../port.ts";
import type { Reduction } from "../reductions.ts";
import { ringAllReduce } from "./ring_all_reduce.ts";
import { treeAllReduce } from "./tree_all_reduce.ts";
import { treeBroadcast } from "./tree_broadcast.ts";
import { treeReduce } from "./tree_reduce.ts";

/** Below this the leaders of the nodes exchange whole arrays, in bytes. */
const LEADERS_TREE = 256 * 1024;

/**
 * Combines `values` over all ranks, in place, in three parts: the ranks of each
 * node to their first one, these leaders among each other, and back within each
 * node. The network between the nodes carries one array per node instead of one
 * per rank, over fewer hops.
 */
export async function hierarchicalAllReduce(
  port: Port,
  values: TypedArray,
  reduction: Reduction,
): Promise<void> {
  const { rank, nodes } = port;
  const everyone = nodes.map((_, other) => other);
  const mates = everyone.filter((other) => nodes[other] === nodes[rank]);
  const leaders = everyone.filter((other) =>
    nodes.indexOf(nodes[other]!) === other
  );
  await treeReduce(subPort(port, mates, 1), values, reduction);
  if (leaders.includes(rank)) {
    const between = subPort(port, leaders, 2);
    if (values.byteLength < LEADERS_TREE) {
      await treeAllReduce(between, values, reduction);
    } else {
      await ringAllReduce(between, values, reduction);
    }
  }
  await treeBroadcast(subPort(port, mates, 3), values, 0);
}
