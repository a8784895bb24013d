import { philox, shuffle, uniform01 } from "../random.ts";
import { SIGNS_PURPOSE } from "./purposes.ts";

/** Directions, and tables that take some of their signs for a key. */
const DIRECTIONS = 64;
const TABLES = 8;
const MOST_BITS = 16;
/** More signs differ between vectors that are not near: 32 at a right angle. */
const MOST_DIFFERING = 10;
/** A bucket that is fuller gives up only so many. */
const MOST_TAKEN = 64;

/**
 * Finds unit vectors that point nearly the same way (Charikar 2002): on which side
 * of random planes they lie are the bits of their keys.
 */
export class SignTables {
  readonly #vectors: Float32Array;
  readonly #width: number;
  readonly #bits: number;
  /** `[64, width]` */
  readonly #directions: Float64Array;
  /** Directions of each table's keys. */
  readonly #chosen: readonly Uint32Array[];
  readonly #signs = new Uint8Array(DIRECTIONS);
  /** The signs of each row, 32 in a word. */
  readonly #words: Uint32Array;
  /** For each table where a key's rows begin in `#rows`. */
  readonly #starts: readonly Uint32Array[];
  readonly #rows: readonly Uint32Array[];

  /** @param vectors `[count, width]`; `rows` are those that can be found. */
  constructor(vectors: Float32Array, width: number, rows: readonly number[]) {
    this.#vectors = vectors;
    this.#width = width;
    this.#bits = Math.min(
      MOST_BITS,
      Math.max(1, Math.round(Math.log2(rows.length))),
    );
    this.#directions = Float64Array.from(
      { length: DIRECTIONS * width },
      (_, i) => uniform01(philox([0, SIGNS_PURPOSE], [i, 0, 0, 0])[0]) - 0.5,
    );
    this.#chosen = Array.from(
      { length: TABLES },
      (_, table) =>
        shuffle(DIRECTIONS, 0, SIGNS_PURPOSE, 1 + table).subarray(
          0,
          this.#bits,
        ),
    );
    const keys = this.#chosen.map(() => new Uint32Array(rows.length));
    this.#words = new Uint32Array(2 * vectors.length / width);
    rows.forEach((row, i) => {
      const words = this.#sign(
        vectors.subarray(row * width, (row + 1) * width),
      );
      this.#words.set(words, 2 * row);
      keys.forEach((own, table) => own[i] = this.#key(table));
    });
    const sorted = keys.map((own) => sortByKey(own, rows, 2 ** this.#bits));
    this.#starts = sorted.map(({ starts }) => starts);
    this.#rows = sorted.map(({ sorted }) => sorted);
  }

  /**
   * Calls `visit` for rows that are near, for some more than once, with the cosine of
   * the angle between.
   */
  find(
    vector: Float64Array,
    visit: (row: number, cosine: number) => void,
  ): void {
    const [low, high] = this.#sign(vector);
    for (let table = 0; table < TABLES; table++) {
      const starts = this.#starts[table]!;
      const rows = this.#rows[table]!;
      const key = this.#key(table);
      const start = starts[key]!;
      const end = Math.min(starts[key + 1]!, start + MOST_TAKEN);
      for (let i = start; i < end; i++) {
        const row = rows[i]!;
        const differing = ones(this.#words[2 * row]! ^ low) +
          ones(this.#words[2 * row + 1]! ^ high);
        if (differing > MOST_DIFFERING) continue;
        visit(row, dot(vector, this.#vectors, row * this.#width));
      }
    }
  }

  #sign(vector: ArrayLike<number>): [number, number] {
    const width = this.#width;
    const words: [number, number] = [0, 0];
    for (let direction = 0; direction < DIRECTIONS; direction++) {
      let sum = 0;
      for (let i = 0; i < width; i++) {
        sum += this.#directions[direction * width + i]! * vector[i]!;
      }
      const sign = sum >= 0 ? 1 : 0;
      this.#signs[direction] = sign;
      words[direction >> 5]! |= sign << (direction & 31);
    }
    return words;
  }

  #key(table: number): number {
    let key = 0;
    for (const direction of this.#chosen[table]!) {
      key = 2 * key + this.#signs[direction]!;
    }
    return key;
  }
}

/** Counting sort: rows in the order of their keys, and where each key's begin. */
function sortByKey(
  keys: Uint32Array,
  rows: readonly number[],
  count: number,
): { starts: Uint32Array; sorted: Uint32Array } {
  const starts = new Uint32Array(count + 1);
  for (const key of keys) starts[key + 1]!++;
  for (let key = 0; key < count; key++) starts[key + 1]! += starts[key]!;
  const next = starts.slice();
  const sorted = new Uint32Array(rows.length);
  keys.forEach((key, i) => sorted[next[key]!++] = rows[i]!);
  return { starts, sorted };
}

function dot(a: Float64Array, rows: Float32Array, start: number): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * rows[start + i]!;
  return sum;
}

/** Bits of a 32-bit word that are set. */
function ones(word: number): number {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
