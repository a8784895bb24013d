import type { TypedArray } from "../elements.ts";
import { type Port, wrap } from "../port.ts";
import { chunk } from "./chunks.ts";

/**
 * Fills `values` on every rank like the ring, in log2 n rounds: before round k a
 * rank holds the 2^k chunks that begin with its own, and gets the next 2^k from
 * rank + 2^k (Bruck et al. 1997). For small chunks, where the hops count.
 */
export async function bruckAllGather(
  port: Port,
  values: TypedArray,
  offsets: readonly number[],
): Promise<void> {
  const { rank, size } = port;
  for (let held = 1; held < size; held *= 2) {
    const to = wrap(rank - held, size);
    const from = wrap(rank + held, size);
    const count = Math.min(held, size - held);
    const arrivals: Promise<void>[] = [];
    for (let i = 0; i < count; i++) {
      // Within a round the chunk's number names the message.
      const sent = wrap(rank + i, size);
      const got = wrap(from + i, size);
      port.send(to, held * size + sent, chunk(values, offsets, sent));
      arrivals.push(
        port.receive(from, held * size + got, chunk(values, offsets, got)),
      );
    }
    await Promise.all(arrivals);
  }
}
