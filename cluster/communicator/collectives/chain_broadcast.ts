import { copyTo, type TypedArray } from "../elements.ts";
import { type Port, wrap } from "../port.ts";

/**
 * Copies the root's array to all ranks along a chain: root, root + 1, … Each
 * segment is passed on as it arrives, so the time hardly grows with the ranks
 * and no rank sends more than the array once.
 */
export async function chainBroadcast(
  port: Port,
  values: TypedArray,
  root: number,
): Promise<void> {
  const { rank, size } = port;
  const place = wrap(rank - root, size);
  const next = wrap(rank + 1, size);
  const isLast = place === size - 1;
  if (place === 0) {
    if (!isLast) port.send(next, 0, values);
    return;
  }
  await port.receive(wrap(rank - 1, size), 0, values, (segment, to, start) => {
    copyTo(to, segment);
    if (!isLast) port.send(next, 0, values, start, start + segment.length);
  });
}
