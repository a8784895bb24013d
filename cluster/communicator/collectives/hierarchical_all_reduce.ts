import type { TypedArray } from "../elements.ts";
import { type Port, subPort } from "../port.ts";
import type { Reduction } from "../reductions.ts";
import { ringAllReduce } from "./ring_all_reduce.ts";
import { treeAllReduce } from "./tree_all_reduce.ts";
import { treeBroadcast } from "./tree_broadcast.ts";
import { treeReduce } from "./tree_reduce.ts";

/**
 * Combines `values` over all ranks, in place, in three parts: the ranks of each
 * node to their first one, these leaders among each other, and back within each
 * node. The network between the nodes carries one array per node instead of one
 * per rank, over fewer hops: along a tree up to `treeBytes`.
 */
export async function hierarchicalAllReduce(
  port: Port,
  values: TypedArray,
  reduction: Reduction,
  treeBytes: number,
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
    if (values.byteLength <= treeBytes) {
      await treeAllReduce(between, values, reduction);
    } else {
      await ringAllReduce(between, values, reduction);
    }
  }
  await treeBroadcast(subPort(port, mates, 3), values, 0);
}
