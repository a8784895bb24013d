import { copyTo, part, type TypedArray } from "../elements.ts";
import type { Port } from "../port.ts";
import type { Reduction } from "../reductions.ts";

/**
 * Combines `values` over all ranks, in place, by recursive doubling: log2 n
 * exchanges of the whole array with a partner. For small arrays, where the
 * number of hops counts.
 *
 * After round k every group of 2^k neighbouring places holds the same result.
 * The lower group's values always come first, so that all ranks compute the same
 * expression, in the order of the ranks, and end with the same bits. When n is no
 * power of 2, the first 2 (n - 2^k) ranks pair up before and after (Rabenseifner,
 * Träff 2004).
 */
export async function treeAllReduce(
  port: Port,
  values: TypedArray,
  reduction: Reduction,
): Promise<void> {
  const { rank, size } = port;
  if (size === 1) return;
  let places = 1;
  while (places * 2 <= size) places *= 2;
  const paired = size - places;
  const { length } = values;
  const isPaired = rank < 2 * paired;
  if (isPaired && rank % 2 === 1) {
    port.send(rank - 1, BEFORE, values);
    await port.receive(rank - 1, AFTER, values);
    return;
  }
  // What was sent may be read until the call ends, so each round has its own array.
  let current = port.scratch(values, length);
  copyTo(current, values);
  if (isPaired) {
    await port.receive(rank + 1, BEFORE, current, (segment, to) => {
      reduction.combine(to, to, segment);
    });
  }
  const place = isPaired ? rank / 2 : rank - paired;
  for (let round = 0; 2 ** round < places; round++) {
    const other = place ^ (2 ** round);
    const partner = other < paired ? 2 * other : other + paired;
    const mine = current;
    // Nobody is sent `values` before the last round, whose result is the final one.
    const isLast = 2 ** (round + 1) >= places;
    const result = isLast ? values : port.scratch(values, length);
    port.send(partner, round, mine);
    await port.receive(partner, round, result, (segment, to, start) => {
      const own = part(mine, start, start + segment.length);
      if (other < place) reduction.combine(to, segment, own);
      else reduction.combine(to, own, segment);
    });
    current = result;
  }
  if (isPaired) port.send(rank + 1, AFTER, values);
}

const BEFORE = 64;
const AFTER = 65;
