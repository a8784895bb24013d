import type { TypedArray } from "../elements.ts";
import type { Port } from "../port.ts";
import type { Reduction } from "../reductions.ts";
import { binomialTree } from "./tree_broadcast.ts";

/**
 * Combines `values` on rank 0 over a binomial tree, in the order of the ranks;
 * elsewhere `values` holds partial results afterwards. The nearest child comes
 * first: it holds the ranks that follow directly.
 */
export async function treeReduce(
  port: Port,
  values: TypedArray,
  reduction: Reduction,
): Promise<void> {
  const { parent, children } = binomialTree(port, 0);
  for (const child of children.reverse()) {
    await port.receive(child, 0, values, (segment, to) => {
      reduction.combine(to, to, segment);
    });
  }
  if (parent !== undefined) port.send(parent, 0, values);
}
