import { ConfigError } from "../../src/env/mod.ts";
import { formatDuration } from "./duration.ts";

/** The time of a job, in seconds. */
export interface TimeBudget {
  /** From the start of the job to its end. */
  limit: number;
  /** Kept back at the end for the last checkpoint. */
  reserve: number;
}

/** Most that is kept back for the last checkpoint. */
const RESERVE_SECONDS = 120;

/** A limit with what is kept back of it by default. */
export function timeBudget(limit: number, reserve?: number): TimeBudget {
  return { limit, reserve: reserve ?? Math.min(RESERVE_SECONDS, limit / 4) };
}

/** Until the first step of a job: set-up, joining, data, kernels; in seconds. */
const START_SECONDS = 60;

/** Seconds of a job that are left for training; none or fewer where it is too short. */
export function usefulSeconds({ limit, reserve }: TimeBudget): number {
  return limit - reserve - START_SECONDS;
}

/**
 * A limit with what is kept back of it.
 *
 * @param hint What to do about one that leaves no time to train.
 * @throws {ConfigError} If it leaves no time to train.
 */
export function usefulBudget(
  limit: number,
  { reserve, hint }: { reserve?: number | undefined; hint: string },
): TimeBudget {
  const budget = timeBudget(limit, reserve);
  if (usefulSeconds(budget) > 0) return budget;
  throw new ConfigError(
    `Cannot train in jobs of ${
      formatDuration(limit)
    }: starting takes about a minute, and ${budget.reserve} s are kept back for the last checkpoint`,
    { hint },
  );
}

/** Jobs that so many seconds of training take, each with its start and its end. */
export function jobsNeeded(seconds: number, budget: TimeBudget): number {
  const { limit } = budget;
  if (limit === Infinity) return 1;
  // A limit that leaves no time to train must not divide by zero.
  const useful = Math.max(usefulSeconds(budget), limit / 10);
  return Math.max(1, Math.ceil(seconds / useful));
}

/**
 * In which job a run ends that has `seconds` of training before it, `left` of
 * them possible in this job, the one with number `job`.
 */
export function forecast(
  seconds: number,
  { job, left, budget }: { job: number; left: number; budget: TimeBudget },
): number {
  const rest = seconds - Math.max(0, left - budget.reserve);
  return rest <= 0 ? job : job + jobsNeeded(rest, budget);
}
