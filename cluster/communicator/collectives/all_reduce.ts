import type { Collective } from "./collective.ts";
import { RingPass } from "./ring_pass.ts";

/**
 * Sums `buffer` over all ranks, in place: reduce-scatter, then all-gather around
 * the ring. Each rank sends 2 (n - 1) / n of the buffer.
 *
 * Chunk c is summed in the order of the ring beginning with rank c, and its sum
 * is made on one rank and copied to the others: the result depends neither on
 * timing nor on the rank that looks at it, to the last bit.
 */
export function allReduce(
  buffer: Float32Array,
  { rank, size }: { rank: number; size: number },
): Collective {
  const offsets = Array.from(
    { length: size + 1 },
    (_, chunk) => Math.floor(buffer.length * chunk / size),
  );
  return new RingPass({
    name: "all-reduce",
    buffer,
    rank,
    offsets,
    steps: 2 * (size - 1),
    sums: size - 1,
  });
}
