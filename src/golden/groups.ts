/**
 * How far a group of tensors may be from the file.
 *
 * `relative`: max |difference| / max(1e-3, max |value|) per tensor, so that a
 * tensor of tiny values is not judged by its rounding. `absolute`: max
 * |difference|.
 */
export interface Group {
  readonly measure: "relative" | "absolute";
  readonly tolerance: number;
}

function relative(tolerance: number): Group {
  return { measure: "relative", tolerance };
}

function absolute(tolerance: number): Group {
  return { measure: "absolute", tolerance };
}

/**
 * The groups and their tolerances, as the fixtures' own README suggests them:
 * 10 to 50 times what another float32 implementation is off.
 */
export const GROUPS = {
  out: relative(2e-5),
  loss: relative(2e-5),
  grad: relative(1e-4),
  /** Parameters after the optimizer steps. */
  after: relative(1e-3),
  ema: relative(3e-4),
  /** Gradient of the key bias: 0 in theory, rounding in practice. */
  "key bias": absolute(1e-6),
  /** LayerNorm of values around 300, which float32 holds to 3e-5. */
  offset: relative(1e-4),
  /** Labels, counts, masks, stored bytes. */
  exact: absolute(0),
  /** What float64 computes on the host; the files hold float32. */
  host: relative(1e-6),
  /** State of the pseudo-label rules, fed with float32 probabilities. */
  state: relative(2e-5),
  /** Bytes of a resized image. */
  pixels: absolute(1),
} as const satisfies Record<string, Group>;

export type GroupName = keyof typeof GROUPS;

/**
 * The error of a tensor in its group's measure. NaN equals NaN and an infinity
 * equals itself; any other value that is not finite is infinitely wrong.
 */
export function errorOf(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  measure: Group["measure"],
): number {
  if (actual.length !== expected.length) return Infinity;
  let difference = 0;
  let largest = 1e-3;
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i]!;
    const e = expected[i]!;
    if (Object.is(a, e) || a === e) {
      if (Number.isFinite(e)) largest = Math.max(largest, Math.abs(e));
      continue;
    }
    if (!Number.isFinite(a) || !Number.isFinite(e)) return Infinity;
    difference = Math.max(difference, Math.abs(a - e));
    largest = Math.max(largest, Math.abs(e));
  }
  return measure === "relative" ? difference / largest : difference;
}
