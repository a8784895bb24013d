/** Values of a block of {@linkcode packBlocksReference}. */
const BLOCK = 32;

/** Blocks of 8-bit values with a shared power of 2. */
export interface Blocks {
  /** Biased exponent of each block; 255: not finite. */
  exponents: number[];
  /** -127 to 127. */
  values: number[];
  /** What the blocks stand for. */
  decoded: number[];
  /** Input and old residual less `decoded`. */
  residual: number[];
}

/**
 * MXINT8 of the OCP Microscaling formats 1.0 with error feedback, in float64; the
 * input is filled up with zeros to whole blocks.
 */
export function packBlocksReference(
  input: ArrayLike<number>,
  { residual, scale = 1 }: { residual: ArrayLike<number>; scale?: number },
): Blocks {
  const blocks: Blocks = {
    exponents: [],
    values: [],
    decoded: [],
    residual: [],
  };
  for (let start = 0; start < residual.length; start += BLOCK) {
    const old = Array.from({ length: BLOCK }, (_, i) => residual[start + i]!);
    const sums = old.map((value, i) =>
      Math.fround((input[start + i] ?? 0) / scale + value)
    );
    const largest = Math.max(...sums.map(Math.abs));
    if (!Number.isFinite(largest)) {
      blocks.exponents.push(255);
      blocks.values.push(...sums.fill(0));
      blocks.decoded.push(...sums.map(() => NaN));
      blocks.residual.push(...old);
      continue;
    }
    const least = 2 ** (8 - 127);
    const exponent = Math.floor(Math.log2(Math.max(largest, least)));
    const step = 2 ** (exponent - 6);
    const values = sums.map((value) =>
      Math.min(127, Math.max(-127, roundToEven(value / step)))
    );
    blocks.exponents.push(exponent + 127);
    blocks.values.push(...values);
    blocks.decoded.push(...values.map((value) => value * step));
    blocks.residual.push(...values.map((value, i) => sums[i]! - value * step));
  }
  return blocks;
}

function roundToEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}
