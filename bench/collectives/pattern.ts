/** Elements after which the pattern repeats; a fill is then one copy of memory. */
const PERIOD = 4096;

/** Values of small whole numbers: their sums are exact whatever the order. */
export class Pattern {
  readonly #own: Float32Array;
  readonly #sum: Float32Array;
  readonly #first: Float32Array;

  constructor(rank: number, size: number) {
    this.#own = Float32Array.from({ length: PERIOD }, (_, i) => i % 61 + rank);
    this.#first = Float32Array.from({ length: PERIOD }, (_, i) => i % 61);
    const ranks = size * (size - 1) / 2;
    this.#sum = this.#first.map((value) => size * value + ranks);
  }

  /** Writes this rank's values. */
  fill(values: Float32Array): void {
    for (let at = 0; at < values.length; at += PERIOD) {
      const left = values.length - at;
      values.set(
        left < PERIOD ? this.#own.subarray(0, left) : this.#own,
        at,
      );
    }
  }

  /** Values that differ from the sum over all ranks; `start` is their place. */
  wrongSums(values: Float32Array, start = 0): number {
    return differing(values, this.#sum, start);
  }

  /** Values that differ from those of rank 0. */
  wrongCopies(values: Float32Array): number {
    return differing(values, this.#first, 0);
  }

  /** Values that differ from those that each rank wrote in its part. */
  wrongParts(values: Float32Array, size: number): number {
    const length = values.length / size;
    let wrong = 0;
    for (let rank = 0; rank < size; rank++) {
      const start = rank * length;
      for (let i = 0; i < length; i++) {
        if (values[start + i] !== i % PERIOD % 61 + rank) wrong++;
      }
    }
    return wrong;
  }
}

function differing(
  values: Float32Array,
  expected: Float32Array,
  start: number,
): number {
  let wrong = 0;
  let at = start % PERIOD;
  for (let i = 0; i < values.length; i++) {
    if (values[i] !== expected[at]) wrong++;
    if (++at === PERIOD) at = 0;
  }
  return wrong;
}
