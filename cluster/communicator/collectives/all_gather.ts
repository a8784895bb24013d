import type { Collective } from "./collective.ts";
import { RingPass } from "./ring_pass.ts";

/**
 * Fills `buffer` on every rank. Rank r contributes the elements
 * `[offsets[r], offsets[r + 1])`; parts may be empty.
 *
 * @throws {RangeError} If `offsets` does not divide the buffer.
 */
export function allGather(
  buffer: Float32Array,
  { rank, size, offsets }: {
    rank: number;
    size: number;
    offsets: readonly number[];
  },
): Collective {
  const ascending = offsets.every((offset, i) =>
    Number.isInteger(offset) && offset >= (offsets[i - 1] ?? 0) &&
    offset <= buffer.length
  );
  if (offsets.length !== size + 1 || !ascending) {
    throw new RangeError(
      `Cannot gather ${buffer.length} elements over ${size} ranks: offsets are ${
        offsets.slice(0, 16).join(", ")
      }`,
    );
  }
  return new RingPass({
    name: "all-gather",
    buffer,
    rank,
    offsets: [...offsets],
    steps: size - 1,
    sums: 0,
  });
}
