/** Maps `[min, max]` linearly onto `[from, to]`. */
export interface Scale {
  min: number;
  max: number;
  ticks: number[];
  at(value: number): number;
}

/** A scale whose ends and ticks are round numbers around the values. */
export function niceScale(
  values: readonly number[],
  [from, to]: readonly [number, number],
  options: { ticks?: number; include?: readonly number[]; max?: number } = {},
): Scale {
  let min = Infinity;
  let max = -Infinity;
  for (const value of [...(options.include ?? []), ...values]) {
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (min > max) [min, max] = [0, 1];
  if (max - min < Math.abs(max) * 1e-9 || max === min) {
    const pad = Math.abs(max) * 0.1 || 1;
    [min, max] = [min - (min === 0 ? 0 : pad), max + pad];
  }
  const step = niceStep((max - min) / (options.ticks ?? 4));
  const low = Math.floor(min / step + 1e-9);
  let high = Math.ceil(max / step - 1e-9);
  if (options.max !== undefined) {
    high = Math.min(high, Math.round(options.max / step));
  }
  const ticks = Array.from(
    { length: high - low + 1 },
    (_, i) => Number(((low + i) * step).toPrecision(12)),
  );
  const [first, last] = [low * step, high * step];
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
