/** Learning rate at optimizer step `t`, counted from 0. */
export type Schedule = (t: number) => number;

/** Linear warm-up, then half a cosine from `base` to `min`. */
export function cosineSchedule(options: {
  base: number;
  min: number;
  warmupSteps: number;
  totalSteps: number;
}): Schedule {
  const { base, min, warmupSteps, totalSteps } = options;
  return (t) => {
    if (t < warmupSteps) return base * t / warmupSteps;
    const length = Math.max(1, totalSteps - warmupSteps);
    const done = Math.min(1, (t - warmupSteps) / length);
    return min + (base - min) / 2 * (1 + Math.cos(Math.PI * done));
  };
}

/** Multiplies `base` by `factor` after each `every` steps. */
export function stepSchedule(options: {
  base: number;
  every: number;
  factor: number;
}): Schedule {
  const { base, every, factor } = options;
  return (t) => base * factor ** Math.floor(t / every);
}
