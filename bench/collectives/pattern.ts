/** Elements after which the pattern repeats; a fill is then one copy of memory. */
const PERIOD = 4096;

/** What a row sums: f32, or their upper halves as bits. */
export type Values = Float32Array | Uint16Array;

/** Values before they repeat; small ones, so that sums are exact in bf16 too. */
const DISTINCT = { f32: 61, bf16: 25 } as const;
export type Type = keyof typeof DISTINCT;

/** Values of small whole numbers: their sums are exact whatever the order. */
export class Pattern {
  readonly #distinct: number;
  readonly #own: Values;
  readonly #sum: Values;
  readonly #first: Values;

  constructor(rank: number, size: number, type: Type = "f32") {
    const distinct = this.#distinct = DISTINCT[type];
    const first = Float32Array.from(
      { length: PERIOD },
      (_, i) => i % distinct,
    );
    const ranks = size * (size - 1) / 2;
    const as = type === "f32" ? (values: Float32Array) => values : upperHalves;
    this.#first = as(first);
    this.#own = as(first.map((value) => value + rank));
    this.#sum = as(first.map((value) => size * value + ranks));
  }

  /** Writes this rank's values. */
  fill(values: Values): void {
    for (let at = 0; at < values.length; at += PERIOD) {
      const left = values.length - at;
      values.set(
        left < PERIOD ? this.#own.subarray(0, left) : this.#own,
        at,
      );
    }
  }

  /** Values that differ from the sum over all ranks; `start` is their place. */
  wrongSums(values: Values, start = 0): number {
    return differing(values, this.#sum, start);
  }

  /** Values that differ from those of rank 0. */
  wrongCopies(values: Values): number {
    return differing(values, this.#first, 0);
  }

  /** Values that differ from those that each rank wrote in its part. */
  wrongParts(values: Float32Array, size: number): number {
    const length = values.length / size;
    let wrong = 0;
    for (let rank = 0; rank < size; rank++) {
      const start = rank * length;
      for (let i = 0; i < length; i++) {
        if (values[start + i] !== i % PERIOD % this.#distinct + rank) wrong++;
      }
    }
    return wrong;
  }
}

/** bf16 of values that it holds exactly. */
function upperHalves(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (bits) => bits >>> 16);
}

function differing(
  values: Values,
  expected: Values,
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
