import { part, type TypedArray } from "../elements.ts";
import { wrap } from "../port.ts";

/** Divides `length` elements over `size` ranks, as evenly as can be: n + 1 offsets. */
export function evenOffsets(length: number, size: number): number[] {
  return Array.from(
    { length: size + 1 },
    (_, chunk) => Math.floor(length * chunk / size),
  );
}

/** Running sums of lengths, beginning with 0. */
export function offsetsOf(lengths: readonly number[]): number[] {
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets.at(-1)! + length);
  return offsets;
}

/** Chunk `index` modulo the number of chunks. */
export function chunk<T extends TypedArray>(
  values: T,
  offsets: readonly number[],
  index: number,
): T {
  const at = wrap(index, offsets.length - 1);
  return part(values, offsets[at]!, offsets[at + 1]!);
}
