/** The part `[start, end)` of `total` items that a rank owns; sizes differ by at most 1. */
export function shareOf(
  total: number,
  rank: number,
  size: number,
): [start: number, end: number] {
  return [
    Math.floor(rank * total / size),
    Math.floor((rank + 1) * total / size),
  ];
}

/** First item of each rank, and `total` at the end: `size + 1` values. */
export function shareOffsets(total: number, size: number): number[] {
  return Array.from(
    { length: size + 1 },
    (_, rank) => Math.floor(rank * total / size),
  );
}
