import { copyTo, type TypedArray } from "../elements.ts";
import { type Port, wrap } from "../port.ts";
import type { Reduction } from "../reductions.ts";
import { chunk } from "./chunks.ts";

/**
 * Rank r ends with chunk r of the combined array in `into`, which lies apart from
 * `values`. Each
 * rank sends every other one its chunk directly, in n - 1 rounds with a partner
 * each, and combines what it gets in the order of the ranks. As many bytes as
 * the ring, one hop instead of n - 1.
 */
export async function pairwiseReduceScatter<T extends TypedArray>(
  port: Port,
  { values, into, offsets, reduction }: {
    values: T;
    into: T;
    offsets: readonly number[];
    reduction: Reduction;
  },
): Promise<void> {
  const { rank, size } = port;
  const own = chunk(values, offsets, rank);
  const parts: T[] = [];
  const arrivals: Promise<void>[] = [];
  parts[rank] = own;
  for (let round = 1; round < size; round++) {
    const [to, from] = [wrap(rank + round, size), wrap(rank - round, size)];
    port.send(to, 0, chunk(values, offsets, to));
    parts[from] = port.scratch(values, own.length);
    arrivals.push(port.receive(from, 0, parts[from]));
  }
  await Promise.all(arrivals);
  copyTo(into, parts[0]!);
  for (const values of parts.slice(1)) reduction.combine(into, into, values);
}
