/** Two words that select a stream: a seed and a purpose. */
export type PhiloxKey = readonly [number, number];

/** Four words that number a draw within its stream. */
export type PhiloxCounter = readonly [number, number, number, number];

/**
 * Philox4x32 with 10 rounds (Salmon et al. 2011): four random 32-bit words as
 * a pure function of key and counter, the same as `src/ops/common/philox.wgsl`.
 *
 * ```ts
 * import { philox } from "./random.ts";
 *
 * const [first] = philox([42, 1], [0, 0, 0, 0]);
 * ```
 */
export function philox(
  key: PhiloxKey,
  counter: PhiloxCounter,
): [number, number, number, number] {
  let [k0, k1] = key;
  let [c0, c1, c2, c3] = counter;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low0 = Math.imul(0xd2511f53, c0);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    // Weyl sequence: golden ratio and sqrt(3) - 1.
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Upper 32 bits of the 64-bit product of two unsigned words. */
export function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  // Each term is below 2^33, so doubles hold the sums exactly.
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle % 65536) + aLow * bHigh;
  return aHigh * bHigh + Math.floor(middle / 65536) +
    Math.floor(carry / 65536);
}

/** A random word as a number in [0, 1), a multiple of 2^-24 so that f32 holds it. */
export function uniform01(word: number): number {
  return (word >>> 8) / 16777216;
}

/**
 * A permutation of 0..n-1: a function of its arguments alone.
 *
 * @param round Distinguishes permutations of one purpose, such as epochs.
 */
export function shuffle(
  n: number,
  seed: number,
  purpose: number,
  round = 0,
): Uint32Array<ArrayBuffer> {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let words: readonly number[] = [];
  // Fisher and Yates from the end; word i of the stream serves position i.
  for (let i = n - 1; i > 0; i--) {
    if (words.length === 0 || i % 4 === 3) {
      words = philox([seed >>> 0, purpose >>> 0], [i >>> 2, round >>> 0, 0, 0]);
    }
    const j = multiplyHigh(words[i % 4]!, i + 1);
    const moved = order[i]!;
    order[i] = order[j]!;
    order[j] = moved;
  }
  return order;
}
