/**
 * Expected time of the slowest of `ranks` ranks, when each takes as long as it
 * happens to: `times` are samples of some, each of which stands for as many others
 * as the rest. What takes longest of n independent ones lies below x with the product
 * of their chances (order statistics: David, Nagaraja 2003).
 */
export function slowestOf(
  times: readonly (readonly number[])[],
  ranks: number,
): number {
  const alike = ranks / times.length;
  const sorted = times.map((own) => own.toSorted((a, b) => a - b));
  const below = sorted.map(() => 0);
  let expected = 0;
  let chance = 0;
  for (const value of sorted.flat().toSorted((a, b) => a - b)) {
    const before = chance;
    chance = 1;
    sorted.forEach((own, i) => {
      while (own[below[i]!]! <= value) below[i]!++;
      chance *= (below[i]! / own.length) ** alike;
    });
    expected += value * (chance - before);
  }
  return expected;
}
