/** Maps `[min, max]` linearly onto `[from, to]`. */
export interface Scale {
  min: number;
  max: number;
  ticks: number[];
  at(value: number): number;
}

/** Ranges below this are one value. */
const SMALLEST = 1e-12;

/** A scale whose ends and ticks are round numbers around the values. */
export function niceScale(
  values: readonly number[],
  [from, to]: readonly [number, number],
  options: {
    ticks?: number;
    include?: readonly number[];
    max?: number;
    /** Ticks are at least so far apart. */
    leastStep?: number;
    /** Ends exactly at the values; ticks lie inside. */
    tight?: boolean;
  } = {},
): Scale {
  let min = Infinity;
  let max = -Infinity;
  for (const value of [...(options.include ?? []), ...values]) {
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (min > max) [min, max] = [0, 1];
  if (max - min < Math.max(SMALLEST, Math.abs(max) * 1e-9)) {
    const pad = Math.abs(max) * 0.1 < SMALLEST ? 1 : Math.abs(max) * 0.1;
    [min, max] = [min - (min === 0 ? 0 : pad), max + pad];
  }
  const step = Math.max(
    niceStep((max - min) / (options.ticks ?? 4)),
    options.leastStep ?? 0,
  );
  const { tight = false } = options;
  const low = (tight ? Math.ceil : Math.floor)(
    min / step + (tight ? -1e-9 : 1e-9),
  );
  let high = (tight ? Math.floor : Math.ceil)(
    max / step - (tight ? -1e-9 : 1e-9),
  );
  if (options.max !== undefined) {
    high = Math.min(high, Math.round(options.max / step));
  }
  const ticks = Array.from(
    { length: high - low + 1 },
    (_, i) => Number(((low + i) * step).toPrecision(12)),
  );
  const [first, last] = tight ? [min, max] : [low * step, high * step];
  return {
    min: first,
    max: last,
    ticks,
    at: (value) =>
      round(from + (to - from) * (value - first) / (last - first || 1)),
  };
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const lead = rough / power;
  return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

/** Two decimals are finer than a pixel and keep the file small. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
