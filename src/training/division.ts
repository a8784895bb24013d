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

/**
 * How the ranks divide images: by weight. Each has one at least, where there are
 * enough; equal weights divide as {@linkcode shareOf} does.
 */
export class Division {
  readonly weights: readonly number[];
  readonly #rank: number;
  /** Of the weights before each rank, and of all. */
  readonly #sums: readonly number[];

  /** @param weights Positive whole numbers, one a rank. */
  constructor(rank: number, weights: readonly number[]) {
    this.#rank = rank;
    this.weights = weights;
    const sums = [0];
    for (const weight of weights) sums.push(sums.at(-1)! + weight);
    this.#sums = sums;
  }

  /** All ranks get the same. */
  static even({ rank, size }: { rank: number; size: number }): Division {
    return new Division(rank, Array.from({ length: size }, () => 1));
  }

  /** The same rank of ranks with the same weights. */
  equals(other: Division): boolean {
    return this.#rank === other.#rank &&
      this.weights.length === other.weights.length &&
      this.weights.every((weight, rank) => weight === other.weights[rank]);
  }

  /** The part `[start, end)` of `total` items that this rank owns. */
  own(total: number): [start: number, end: number] {
    const offsets = this.offsets(total);
    return [offsets[this.#rank]!, offsets[this.#rank + 1]!];
  }

  /** First item of each rank, and `total` at the end: `size + 1` values. */
  offsets(total: number): number[] {
    const all = this.#sums.at(-1)!;
    const least = total >= this.weights.length ? 1 : 0;
    const rest = total - least * this.weights.length;
    return this.#sums.map((sum, rank) =>
      least * rank + Math.floor(rest * sum / all)
    );
  }
}
