import { copyTo, type TypedArray } from "../elements.ts";
import type { Port } from "../port.ts";
import { chunk } from "./chunks.ts";

/** The root ends with all ranks' arrays of one length, in their order, in `into`. */
export async function linearGather(
  port: Port,
  values: TypedArray,
  { into, root, offsets }: {
    /** Only on the root. */
    into: TypedArray | undefined;
    root: number;
    offsets: readonly number[];
  },
): Promise<void> {
  if (into === undefined) return port.send(root, 0, values);
  const target = chunk(into, offsets, root);
  if (
    target.byteOffset !== values.byteOffset || into.buffer !== values.buffer
  ) {
    copyTo(target, values);
  }
  await Promise.all(
    othersOf(port).map((other) =>
      port.receive(other, 0, chunk(into, offsets, other))
    ),
  );
}

/** The root ends with everybody's bytes, whatever their number. */
export async function linearGatherBytes(
  port: Port,
  bytes: Uint8Array,
  root: number,
): Promise<Uint8Array[] | undefined> {
  if (port.rank !== root) {
    port.send(root, 0, bytes);
    return undefined;
  }
  const all: Uint8Array[] = [];
  all[root] = new Uint8Array(bytes);
  await Promise.all(
    othersOf(port).map(async (other) => {
      all[other] = await port.receiveBytes(other, 0);
    }),
  );
  return all;
}

function othersOf({ rank, size }: Port): number[] {
  return Array.from({ length: size }, (_, other) => other)
    .filter((other) => other !== rank);
}
