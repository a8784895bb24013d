import type { TypedArray } from "../elements.ts";
import type { Port } from "../port.ts";
import type { Reduction } from "../reductions.ts";

/**
 * Inclusive prefix: rank r ends with r0 op r1 op … op r in `values`. The running
 * result travels along the ranks segment by segment; on the last rank it is that
 * of all, in the strictest order.
 */
export async function chainScan(
  port: Port,
  values: TypedArray,
  reduction: Reduction,
): Promise<void> {
  const { rank, size } = port;
  const isLast = rank === size - 1;
  if (rank === 0) {
    if (!isLast) port.send(1, 0, values);
    return;
  }
  await port.receive(rank - 1, 0, values, (segment, to, start) => {
    reduction.combine(to, segment, to);
    if (!isLast) {
      port.send(rank + 1, 0, values, start, start + segment.length);
    }
  });
}
