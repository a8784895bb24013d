import { BLOCKS } from "../../src/training/communicator.ts";

const { groupValues, groupWords, notFinite } = BLOCKS;

/** Values that share an exponent. */
const BLOCK = groupValues / 4;

/** What a value of a block counts, by the block's exponent. */
const STEPS = Float64Array.from(
  { length: 256 },
  (_, exponent) => exponent === notFinite ? NaN : 2 ** (exponent - 133),
);

/** Least exponent: below, steps would leave the range of f32. */
const LEAST = 8;

/** Adding and taking away rounds a small number to nearest, ties to even. */
const ROUND = 1.5 * 2 ** 52;

/** Adds what blocks stand for to `sums`, 128 values a group of 33 words, in f32. */
export function addBlocks(sums: Float32Array, blocks: Uint32Array): void {
  const { exponents, values } = partsOf(blocks);
  let i = 0;
  for (let at = 0; at < values.length; at += 4 * groupWords) {
    for (let block = 0; block < 4; block++) {
      const step = STEPS[exponents[at + block]!]!;
      const first = at + 4 + block * BLOCK;
      for (let j = first; j < first + BLOCK; j++) {
        sums[i]! += values[j]! * step;
        i++;
      }
    }
  }
}

/**
 * Writes `sums` as blocks; `carry` becomes what they miss. A block with a sum that
 * is not finite is marked and leaves its carry as it is.
 */
export function roundToBlocks(
  sums: Float32Array,
  { blocks, carry }: { blocks: Uint32Array; carry: Float32Array },
): void {
  const { exponents, values } = partsOf(blocks);
  const bits = new Uint32Array(sums.buffer, sums.byteOffset, sums.length);
  let i = 0;
  for (let at = 0; at < values.length; at += 4 * groupWords) {
    for (let block = 0; block < 4; block++) {
      const end = i + BLOCK;
      let top = 0;
      for (let k = i; k < end; k++) top = Math.max(top, bits[k]! & 0x7fffffff);
      const exponent = Math.max(top >>> 23, LEAST);
      exponents[at + block] = exponent;
      let to = at + 4 + block * BLOCK;
      if (exponent === notFinite) {
        values.fill(0, to, to + BLOCK);
        i = end;
        continue;
      }
      const step = STEPS[exponent]!;
      const up = 1 / step;
      for (; i < end; i++) {
        const rounded = sums[i]! * up + ROUND - ROUND;
        const value = Math.max(-127, Math.min(127, rounded));
        values[to++] = value;
        carry[i] = sums[i]! - value * step;
      }
    }
  }
}

/** The same memory as exponents, the first 4 bytes of each group, and as values, the others. */
function partsOf({ buffer, byteOffset, byteLength }: Uint32Array) {
  return {
    exponents: new Uint8Array(buffer, byteOffset, byteLength),
    values: new Int8Array(buffer, byteOffset, byteLength),
  };
}
