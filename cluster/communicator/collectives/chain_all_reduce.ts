import { copyTo, part, type TypedArray } from "../elements.ts";
import type { Port } from "../port.ts";
import type { Reduction } from "../reductions.ts";

/**
 * Combines the shards of all ranks strictly one after the other: the shards of
 * rank 0, then those of rank 1, … The running result travels from rank 0 to rank
 * n - 1, segment by segment, and the final one back.
 *
 * The expression is the same however the shards are spread over the ranks, so
 * any number of ranks gives the same bits. Each rank sends the array twice at
 * most; the time hardly grows with the ranks once all segments are on the way.
 *
 * `into` is where the result goes; it may be the first shard.
 */
export async function chainAllReduce(
  port: Port,
  { shards, into, reduction }: {
    shards: readonly TypedArray[];
    into: TypedArray;
    reduction: Reduction;
  },
): Promise<void> {
  const { rank, size } = port;
  const isLast = rank === size - 1;
  const [up, down] = [0, 1];
  const add = (start: number, end: number, from: number) => {
    const to = part(into, start, end);
    for (const shard of shards.slice(from)) {
      reduction.combine(to, to, part(shard, start, end));
    }
    if (isLast) {
      if (size > 1) port.send(rank - 1, down, into, start, end);
    } else port.send(rank + 1, up, into, start, end);
  };
  const back = isLast ? undefined : port.receive(
    rank + 1,
    down,
    into,
    (segment, to, start) => {
      copyTo(to, segment);
      if (rank > 0) {
        port.send(rank - 1, down, into, start, start + segment.length);
      }
    },
  );
  if (rank === 0) {
    if (into !== shards[0]) copyTo(into, shards[0]!);
    add(0, into.length, 1);
  } else {
    await port.receive(rank - 1, up, into, (segment, to, start) => {
      const end = start + segment.length;
      reduction.combine(to, segment, part(shards[0]!, start, end));
      add(start, end, 1);
    });
  }
  await back;
}
