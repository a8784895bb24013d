import { philox, uniform01 } from "../random.ts";

/** What the random part of one view is a function of. */
export interface DrawSource {
  seed: number;
  /** Differs per phase. */
  stream: number;
  step: number;
  /** Position in the global batch. */
  position: number;
  /** Differs for views of one batch that are to differ. */
  salt: number;
}

/** Purposes of the draws of one view; the gaps hold repeated draws. */
export const DRAW = {
  place: 0,
  affine: 1,
  shift: 2,
  cut: 3,
  jitter: 4,
  cutout: 5,
  noise: 6,
  /** One for each try. */
  crop: 32,
  erasing: 64,
  /** Two for each operation. */
  operation: 128,
  mix: 256,
  gamma: 512,
} as const;

/** Four random words. */
export function draw(
  { seed, stream, step, position, salt }: DrawSource,
  number: number,
): readonly [number, number, number, number] {
  return philox([seed >>> 0, stream >>> 0], [number, position, step, salt]);
}

/** A value between two others. */
export function between(word: number, low: number, high: number): number {
  return low + (high - low) * uniform01(word);
}

/** A standard normal value, by Box and Muller. */
export function normal(first: number, second: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform01(first)));
  return radius * Math.cos(2 * Math.PI * uniform01(second));
}

/** A value that follows Beta(alpha, alpha), of words from draw `number` on. */
export function symmetricBeta(
  source: DrawSource,
  number: number,
  alpha: number,
): number {
  const first = gamma(source, number, alpha);
  const second = gamma(source, number + GAMMA_DRAWS, alpha);
  // Both vanish only for a tiny alpha, whose law is a coin.
  return first + second > 0 ? first / (first + second) : 0.5;
}

/** Draws kept for one gamma value; a try is accepted with probability above 0.95. */
const GAMMA_DRAWS = 128;

/**
 * A value of the gamma distribution (Marsaglia and Tsang 2000); shapes below 1
 * through shape + 1 and a power of a uniform value.
 */
function gamma(source: DrawSource, number: number, shape: number): number {
  const d = Math.max(shape, shape < 1 ? shape + 1 : shape) - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (let attempt = 0; attempt < GAMMA_DRAWS; attempt++) {
    const words = draw(source, number + attempt);
    const x = normal(words[0], words[1]);
    const v = (1 + c * x) ** 3;
    const u = 1 - uniform01(words[2]);
    if (v <= 0 || Math.log(u) >= x * x / 2 + d - d * v + d * Math.log(v)) {
      continue;
    }
    const boost = shape < 1 ? (1 - uniform01(words[3])) ** (1 / shape) : 1;
    return d * v * boost;
  }
  return d;
}
