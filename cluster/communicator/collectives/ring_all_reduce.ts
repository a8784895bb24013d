import { copyTo, part, type TypedArray } from "../elements.ts";
import { type Port, wrap } from "../port.ts";
import type { Reduction } from "../reductions.ts";
import { chunk, evenOffsets } from "./chunks.ts";

/**
 * Combines `values` over all ranks, in place: reduce-scatter, then all-gather
 * around the ring. Each rank sends 2 (n - 1) / n of the array, whatever n
 * (Patarasuk, Yuan 2009).
 *
 * In step t rank r sends chunk r - t to rank r + 1 and receives chunk r - t - 1
 * from rank r - 1. Whatever arrives is used and sent on at once, segment by
 * segment, so all links are busy all the time and no step waits for another.
 * Chunk c is combined in the order of the ring beginning with rank c, and the
 * result is made on one rank and copied to the others: it depends neither on
 * timing nor on the rank that looks at it, to the last bit.
 */
export async function ringAllReduce(
  port: Port,
  values: TypedArray,
  reduction: Reduction,
): Promise<void> {
  const { rank, size } = port;
  if (size === 1) return;
  const offsets = evenOffsets(values.length, size);
  const [next, previous] = [wrap(rank + 1, size), wrap(rank - 1, size)];
  const steps = 2 * (size - 1);
  const arrivals: Promise<void>[] = [];
  for (let step = 0; step < steps; step++) {
    const target = chunk(values, offsets, rank - step - 1);
    const combines = step < size - 1;
    const isLast = step === steps - 1;
    arrivals.push(port.receive(previous, step, target, (segment, to, start) => {
      if (combines) reduction.combine(to, segment, to);
      else copyTo(to, segment);
      if (!isLast) {
        port.send(next, step + 1, target, start, start + segment.length);
      }
    }));
  }
  port.send(next, 0, chunk(values, offsets, rank));
  await Promise.all(arrivals);
}

/**
 * The first half: rank r ends with chunk r of the combined array in `into`. The
 * other chunks of `values` are overwritten with partial results.
 */
export async function ringReduceScatter<T extends TypedArray>(
  port: Port,
  { values, into, offsets, reduction }: {
    values: T;
    into: T;
    offsets: readonly number[];
    reduction: Reduction;
  },
): Promise<void> {
  const { rank, size } = port;
  const [next, previous] = [wrap(rank + 1, size), wrap(rank - 1, size)];
  const arrivals: Promise<void>[] = [];
  for (let step = 0; step < size - 1; step++) {
    const target = chunk(values, offsets, rank - step - 2);
    const isLast = step === size - 2;
    arrivals.push(port.receive(previous, step, target, (segment, to, start) => {
      const end = start + segment.length;
      if (isLast) reduction.combine(part(into, start, end), segment, to);
      else {
        reduction.combine(to, segment, to);
        port.send(next, step + 1, target, start, end);
      }
    }));
  }
  if (size === 1) copyTo(into, values);
  else port.send(next, 0, chunk(values, offsets, rank - 1));
  await Promise.all(arrivals);
}
