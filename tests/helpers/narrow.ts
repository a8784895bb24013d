/** Rounds to bf16 by comparing the two neighbours in exact arithmetic; its bits. */
export function toBfloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  const sign = Object.is(value, -0) || value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  // Bits of the largest bf16 that is no larger: they rise with the value.
  let [low, high] = [0, 0x7f80];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fromBfloat16(middle) <= size) low = middle;
    else high = middle;
  }
  if (size === Infinity) return sign | 0x7f80;
  // Above the largest number the next one would be 2^128.
  const upper = high === 0x7f80 ? 2 ** 128 : fromBfloat16(high);
  const [down, up] = [size - fromBfloat16(low), upper - size];
  const isUp = up < down || (up === down && low % 2 === 1);
  return sign | (isUp ? high : low);
}

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** The value of bf16 bits. */
export function fromBfloat16(bits: number): number {
  word[0] = bits << 16;
  return float[0]!;
}
