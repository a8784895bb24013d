/** Mean of some runs and how far it is to be trusted. */
export interface Estimate {
  count: number;
  mean: number;
  /** Sample standard deviation; NaN below two values. */
  deviation: number;
  /** 95 % confidence interval of the mean, by Student's t; NaN below two values. */
  low: number;
  high: number;
}

/** 0.975 quantile of Student's t for 1 to 30 degrees of freedom. */
const QUANTILES = [
  12.706,
  4.303,
  3.182,
  2.776,
  2.571,
  2.447,
  2.365,
  2.306,
  2.262,
  2.228,
  2.201,
  2.179,
  2.16,
  2.145,
  2.131,
  2.12,
  2.11,
  2.101,
  2.093,
  2.086,
  2.08,
  2.074,
  2.069,
  2.064,
  2.06,
  2.056,
  2.052,
  2.048,
  2.045,
  2.042,
];

/** The mean of values with its spread. */
export function estimate(values: readonly number[]): Estimate {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { count, mean, deviation: NaN, low: NaN, high: NaN };
  const deviation = Math.sqrt(
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1),
  );
  const freedom = count - 1;
  // Beyond the table within 0.1 % of the exact quantile.
  const t = QUANTILES[freedom - 1] ?? 1.96 + 2.4 / freedom;
  const half = t * deviation / Math.sqrt(count);
  return { count, mean, deviation, low: mean - half, high: mean + half };
}

/** Error `a n^-b` of n labels, fitted to points in logarithms. */
export interface PowerLaw {
  /** Expected error at n labels. */
  at(n: number): number;
  exponent: number;
}

/**
 * Fits a power law to `[n, error]`; undefined with fewer than three points, or
 * where the error does not fall.
 */
export function fitPowerLaw(
  points: readonly (readonly [number, number])[],
): PowerLaw | undefined {
  const logs = points.filter(([n, error]) => n > 0 && error > 0)
    .map(([n, error]) => [Math.log(n), Math.log(error)] as const);
  if (logs.length < 3) return undefined;
  const mean = (i: 0 | 1) =>
    logs.reduce((sum, point) => sum + point[i], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  let [covariance, variance] = [0, 0];
  for (const [a, b] of logs) {
    covariance += (a - x) * (b - y);
    variance += (a - x) ** 2;
  }
  const exponent = -covariance / variance;
  if (!(exponent > 0)) return undefined;
  return {
    exponent,
    at: (n) => Math.exp(y - exponent * (Math.log(n) - x)),
  };
}
