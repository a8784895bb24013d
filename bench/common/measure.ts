import { cpuUsage } from "node:process";
import type { Clock } from "../../src/env/mod.ts";

/** What one run took. */
export interface Sample {
  readonly ms: number;
  /** CPU milliseconds of this process: on a CPU adapter, what the kernels cost. */
  readonly cpuMs: number;
}

/** Times `work`, which waits for the adapter before it returns. */
export async function sample(
  clock: Clock,
  work: () => void | Promise<void>,
): Promise<Sample> {
  const cpu = cpuUsage();
  const start = clock.now();
  await work();
  const ms = clock.now() - start;
  const { user, system } = cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1000 };
}

/** Something that is timed in turn with others. */
export interface Contestant {
  readonly name: string;
  run(): Sample | Promise<Sample>;
}

/**
 * Runs all contestants in turn, `rounds` times, so that whatever else the
 * machine does touches all of them alike. One round before does not count: it
 * compiles and warms.
 */
export async function takeTurns(
  contestants: readonly Contestant[],
  rounds: number,
  options: { warmUp?: boolean } = {},
): Promise<Map<string, Sample[]>> {
  const samples = new Map(
    contestants.map(({ name }) => [name, [] as Sample[]]),
  );
  for (let round = options.warmUp === false ? 1 : 0; round <= rounds; round++) {
    for (const contestant of contestants) {
      const taken = await contestant.run();
      if (round > 0) samples.get(contestant.name)!.push(taken);
    }
  }
  return samples;
}

/** The value that a share of the values lies below, between neighbours linearly. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (place - low) * (sorted[high]! - sorted[low]!);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Distance between the quartiles as a share of the median. */
export function spread(values: readonly number[]): number {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / median(values);
}

/** Median of the ratios of two contestants' times, round by round: `b / a`. */
export function pairedRatio(
  a: readonly Sample[],
  b: readonly Sample[],
  of: (sample: Sample) => number,
): number {
  return median(a.map((sample, i) => of(b[i]!) / of(sample)));
}
