import { AssertionError } from "node:assert";

/** Tolerances: `|actual - expected| <= atol + rtol * |expected|`. */
export interface Tolerance {
  atol?: number;
  rtol?: number;
}

/** Fails with the worst element when two arrays differ by more than allowed. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { atol = 0, rtol = 0 }: Tolerance,
  name = "values",
): void {
  if (actual.length !== expected.length) {
    throw new AssertionError({
      message: `${name}: ${actual.length} values, expected ${expected.length}`,
    });
  }
  let worst = 0;
  let at = -1;
  for (let i = 0; i < actual.length; i++) {
    const a = actual[i]!;
    const e = expected[i]!;
    if (Object.is(a, e)) continue;
    const excess = Math.abs(a - e) / (atol + rtol * Math.abs(e) || 1e-300);
    if (!(excess <= worst)) {
      worst = excess;
      at = i;
      if (Number.isNaN(excess)) break;
    }
  }
  if (!(worst <= 1)) {
    throw new AssertionError({
      message: `${name}[${at}] is ${actual[at]}, expected ${
        expected[at]
      }: ${worst} times the tolerance`,
    });
  }
}
