import { type Port, wrap } from "../port.ts";
import { copyTo, type TypedArray } from "../elements.ts";
import { chunk } from "./chunks.ts";

/**
 * Rank r ends with chunk r of every rank, in their order, in `into`: n - 1 rounds
 * with a partner each.
 */
export async function pairwiseAllToAll<T extends TypedArray>(
  port: Port,
  values: T,
  into: T,
  offsets: readonly number[],
): Promise<void> {
  const { rank, size } = port;
  const arrivals: Promise<void>[] = [];
  copyTo(chunk(into, offsets, rank), chunk(values, offsets, rank));
  for (let round = 1; round < size; round++) {
    const [to, from] = [wrap(rank + round, size), wrap(rank - round, size)];
    port.send(to, 0, chunk(values, offsets, to));
    arrivals.push(port.receive(from, 0, chunk(into, offsets, from)));
  }
  await Promise.all(arrivals);
}

/** The same with parts whose lengths only their senders know. */
export async function pairwiseAllToAllBytes(
  port: Port,
  parts: readonly Uint8Array[],
): Promise<Uint8Array[]> {
  const { rank, size } = port;
  const got: Uint8Array[] = [];
  got[rank] = new Uint8Array(parts[rank]!);
  const arrivals: Promise<void>[] = [];
  for (let round = 1; round < size; round++) {
    const [to, from] = [wrap(rank + round, size), wrap(rank - round, size)];
    port.send(to, 0, parts[to]!);
    arrivals.push(
      port.receiveBytes(from, 0).then((bytes) => {
        got[from] = bytes;
      }),
    );
  }
  await Promise.all(arrivals);
  return got;
}
