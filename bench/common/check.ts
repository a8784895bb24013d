/** How far a result is from the reference. */
export interface Agreement {
  /** Values beyond the tolerance. */
  readonly wrong: number;
  /** Largest error over the largest value of the reference. */
  readonly error: number;
}

/** Largest error that counts as rounding, as a share of the largest value. */
export const TOLERANCE = { f32: 2e-5, f16: 4e-3 } as const;

/** Compares values with the float64 reference. */
export function agree(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): Agreement {
  if (actual.length !== expected.length) {
    return { wrong: Math.max(actual.length, expected.length), error: Infinity };
  }
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  let wrong = 0;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    if (!(error <= tolerance * scale)) wrong++;
    if (!(error <= worst)) worst = error;
  }
  return { wrong, error: scale === 0 ? worst : worst / scale };
}

/** The worst of several comparisons. */
export function worstOf(parts: readonly Agreement[]): Agreement {
  return {
    wrong: parts.reduce((sum, { wrong }) => sum + wrong, 0),
    error: Math.max(...parts.map(({ error }) => error)),
  };
}
