import type { TypedArray } from "../elements.ts";
import { type Port, subPort } from "../port.ts";
import type { Reduction } from "../reductions.ts";
import { treeBroadcast } from "./tree_broadcast.ts";

/**
 * Combines `values` over all ranks, in place: rank 0 takes everybody's array in
 * the order of the ranks and broadcasts the result. Two hops and the strictest
 * order: ((r0 op r1) op r2) op …
 */
export async function gatherAllReduce(
  port: Port,
  values: TypedArray,
  reduction: Reduction,
): Promise<void> {
  const { rank, size } = port;
  if (rank > 0) port.send(0, 0, values);
  else {
    for (let other = 1; other < size; other++) {
      await port.receive(other, 0, values, (segment, to) => {
        reduction.combine(to, to, segment);
      });
    }
  }
  const everyone = Array.from({ length: size }, (_, other) => other);
  await treeBroadcast(subPort(port, everyone, 1), values, 0);
}
