import { philox } from "../random.ts";

/** What a random mask is a function of. */
export interface MaskSource {
  seed: number;
  stream: number;
  step: number;
  salt: number;
  rate: number;
  /** Position of each image in the global batch. */
  positions: ArrayLike<number>;
}

/** Dropout of `[batch, count]` values; also its gradient. */
export function dropoutReference(
  input: ArrayLike<number>,
  source: MaskSource,
): Float64Array {
  const count = input.length / source.positions.length;
  return Float64Array.from({ length: input.length }, (_, i) => {
    const element = i % count;
    const b = Math.floor(i / count);
    const word = draw(source, b, Math.floor(element / 4))[element % 4]!;
    return kept(word, source) ? input[i]! / (1 - source.rate) : 0;
  });
}

/** Stochastic depth: a branch `[batch, count]` without the images left out. */
export function dropPathReference(
  branch: ArrayLike<number>,
  source: MaskSource,
): Float64Array {
  const count = branch.length / source.positions.length;
  return Float64Array.from({ length: branch.length }, (_, i) => {
    const [word] = draw(source, Math.floor(i / count), 0);
    return kept(word, source) ? branch[i]! / (1 - source.rate) : 0;
  });
}

function draw(source: MaskSource, image: number, block: number) {
  const { seed, stream, salt, step, positions } = source;
  return philox(
    [seed >>> 0, stream >>> 0],
    [block, positions[image]!, step, salt],
  );
}

function kept(word: number, { rate }: MaskSource): boolean {
  return word >= Math.round(rate * 2 ** 32);
}
