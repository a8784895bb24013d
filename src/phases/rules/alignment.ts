import { moveAverage, normaliseRows } from "./rule.ts";

/** Keeps the ratio to a class that was never predicted finite. */
const SMALLEST = 1e-6;

/**
 * Distribution alignment (Berthelot et al. 2020): the probabilities times wanted
 * over average class frequency, each row summing to 1 again. As they are while
 * there is no average.
 */
export function alignRows(
  probabilities: ArrayLike<number>,
  wanted: readonly number[],
  average: readonly number[],
): Float64Array<ArrayBuffer> {
  if (average.length === 0) return Float64Array.from(probabilities);
  const classes = wanted.length;
  const aligned = Float64Array.from(
    probabilities,
    (value, i) =>
      value * (wanted[i % classes]! + SMALLEST) /
      (average[i % classes]! + SMALLEST),
  );
  return normaliseRows(aligned, classes);
}

/** A moving average that starts at its first value; `old` is empty before it. */
export function averageFrom(
  old: readonly number[],
  fresh: readonly number[],
  momentum: number,
): number[] {
  return old.length === 0 ? [...fresh] : moveAverage(old, fresh, momentum);
}
