import type { RealType } from "../../src/gpu/mod.ts";

/** The values as a tensor of this type holds them. */
export function stored(
  values: Float32Array<ArrayBuffer>,
  type: RealType,
): Float32Array<ArrayBuffer> {
  return type === "f32" ? values : Float32Array.from(Float16Array.from(values));
}

/** Reproducible test values: a small LCG and Box-Muller, no product code. */
export function uniform(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 8) + 0.5) / 16777216;
  };
}

export function gaussian(
  length: number,
  { seed, scale = 1, mean = 0 }: {
    seed: number;
    scale?: number;
    mean?: number;
  },
): Float32Array<ArrayBuffer> {
  const next = uniform(seed);
  return Float32Array.from(
    { length },
    () =>
      mean +
      scale * Math.sqrt(-2 * Math.log(next())) *
        Math.cos(2 * Math.PI * next()),
  );
}
