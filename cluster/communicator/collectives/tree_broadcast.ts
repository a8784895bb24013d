import { copyTo, type TypedArray } from "../elements.ts";
import { type Port, wrap } from "../port.ts";

/**
 * Copies the root's array to all ranks over a binomial tree: log2 n hops, the
 * farthest children first.
 */
export async function treeBroadcast(
  port: Port,
  values: TypedArray,
  root: number,
): Promise<void> {
  const { parent, children } = binomialTree(port, root);
  if (parent === undefined) {
    for (const child of children) port.send(child, 0, values);
    return;
  }
  await port.receive(parent, 0, values, (segment, to, start) => {
    copyTo(to, segment);
    for (const child of children) {
      port.send(child, 0, values, start, start + segment.length);
    }
  });
}

/** The same for bytes whose number only the root knows. */
export async function treeBroadcastBytes(
  port: Port,
  bytes: Uint8Array | undefined,
  root: number,
): Promise<Uint8Array> {
  const { parent, children } = binomialTree(port, root);
  const values = parent === undefined
    ? bytes!
    : await port.receiveBytes(parent, 0);
  for (const child of children) port.send(child, 0, values);
  return values;
}

/**
 * The place of a rank in the binomial tree: with v = rank - root, the parent is
 * v without its lowest bit, and the children are v plus each lower power of 2.
 */
export function binomialTree(
  { rank, size }: { rank: number; size: number },
  root: number,
): { parent: number | undefined; children: number[] } {
  const place = wrap(rank - root, size);
  let reach = place & -place;
  if (place === 0) { for (reach = 1; reach < size;) reach *= 2; }
  const children: number[] = [];
  for (let distance = reach / 2; distance >= 1; distance /= 2) {
    if (place + distance < size) {
      children.push(wrap(rank + distance, size));
    }
  }
  return {
    parent: place === 0 ? undefined : wrap(rank - reach, size),
    children,
  };
}
