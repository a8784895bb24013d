import { copyTo, type TypedArray } from "../elements.ts";
import { type Port, wrap } from "../port.ts";
import { chunk } from "./chunks.ts";

/**
 * Fills `values` on every rank: rank r has written the chunk between `offsets[r]`
 * and `offsets[r + 1]`, which travels around the ring. Chunks may be empty.
 */
export async function ringAllGather(
  port: Port,
  values: TypedArray,
  offsets: readonly number[],
): Promise<void> {
  const { rank, size } = port;
  if (size === 1) return;
  const [next, previous] = [wrap(rank + 1, size), wrap(rank - 1, size)];
  const arrivals: Promise<void>[] = [];
  for (let step = 0; step < size - 1; step++) {
    const target = chunk(values, offsets, rank - step - 1);
    const isLast = step === size - 2;
    arrivals.push(port.receive(previous, step, target, (segment, to, start) => {
      copyTo(to, segment);
      if (!isLast) {
        port.send(next, step + 1, target, start, start + segment.length);
      }
    }));
  }
  port.send(next, 0, chunk(values, offsets, rank));
  await Promise.all(arrivals);
}
