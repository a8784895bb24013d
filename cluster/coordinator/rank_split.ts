import type { Config } from "../../src/config/mod.ts";
import type { PhaseName, PhaseSummary } from "../../src/phases/engine.ts";
import type { PhaseWork } from "../../src/phases/mod.ts";

/** Phases that need nothing of each other, so that they may run at the same time. */
export const INDEPENDENT: readonly [PhaseName, PhaseName] = [
  "selfTrain",
  "baseline",
];

/** What is gained by running phases at the same time must be more than this share. */
const WORTH_WHILE = 0.05;

/** What a phase costs on all ranks, in milliseconds of a step. */
export interface PhaseCost {
  steps: number;
  /** Shared by the ranks. */
  computeMs: number;
  /** Waiting for each other, which a rank alone does not. */
  waitMs: number;
}

/** A phase and the ranks that run it. */
export interface Team {
  phase: PhaseName;
  members: readonly number[];
}

/** How two phases share the ranks. */
export interface RankSplit {
  /** Ranks of each. */
  sizes: readonly [number, number];
  /** Seconds until both are done, side by side. */
  apart: number;
  /** Seconds until both are done, one after the other on all ranks. */
  together: number;
}

/**
 * The whole numbers of ranks with which both phases end soonest.
 *
 * A rank's computation grows with its share of the batch; what a ring makes it
 * wait for with the part of the gradients that others hold, `(n - 1) / n`.
 */
export function splitRanks(
  costs: readonly [PhaseCost, PhaseCost],
  ranks: number,
): RankSplit {
  const seconds = ({ steps, computeMs, waitMs }: PhaseCost, size: number) => {
    const wait = ranks > 1 ? waitMs * (1 - 1 / size) / (1 - 1 / ranks) : 0;
    return steps * (computeMs * ranks / size + wait) / 1000;
  };
  const [first, second] = costs;
  let best: RankSplit | undefined;
  for (let size = 1; size < ranks; size++) {
    const apart = Math.max(seconds(first, size), seconds(second, ranks - size));
    if (best === undefined || apart < best.apart) {
      const together = seconds(first, ranks) + seconds(second, ranks);
      best = { sizes: [size, ranks - size], apart, together };
    }
  }
  if (best === undefined) {
    throw new TypeError(`Cannot divide ${ranks} ranks between two phases`);
  }
  return best;
}

/** The split, where it is wished for. */
export function chooseSplit(
  wish: Wish,
  costs: readonly [PhaseCost, PhaseCost],
  ranks: number,
): RankSplit | undefined {
  if (wish === "never" || ranks < 2) return undefined;
  const split = splitRanks(costs, ranks);
  const pays = split.apart <= split.together * (1 - WORTH_WHILE);
  return wish === "always" || pays ? split : undefined;
}

/** `parallelPhases` of a configuration. */
export type Wish = Config["parallelPhases"];

/** What a configuration wishes: ranks of different speeds are divided on demand alone. */
export function splitWish(
  { mixed, parallelPhases: wish }: Pick<Config, "mixed" | "parallelPhases">,
): Wish {
  return mixed && wish === "auto" ? "never" : wish;
}

/** What is known when a phase is to start. */
export interface SplitRequest {
  wish: Wish;
  /** Phases that are left, in order. */
  phases: readonly PhaseName[];
  members: readonly number[];
  work: ReadonlyMap<PhaseName, PhaseWork>;
  /** Of the phases that are done. */
  summaries: ReadonlyMap<PhaseName, PhaseSummary>;
}

/** The phases to run at the same time, where that ends them sooner. */
export function planTeams(
  request: SplitRequest,
): { teams: readonly Team[]; split: RankSplit } | undefined {
  const { wish, phases, members, work, summaries } = request;
  const [first, second] = INDEPENDENT;
  if (phases[0] !== first || !phases.includes(second)) return undefined;
  const measured = paceOf(summaries, members.length);
  if (measured === undefined && wish === "auto") return undefined;
  const { computeMs, waitMs } = measured ?? { computeMs: 1, waitMs: 0 };
  const costOf = (phase: PhaseName): PhaseCost => {
    const { steps, cost } = work.get(phase)!;
    return { steps, computeMs: computeMs * cost, waitMs };
  };
  const split = chooseSplit(
    wish,
    [costOf(first), costOf(second)],
    members.length,
  );
  if (split === undefined) return undefined;
  const [size] = split.sizes;
  return {
    split,
    teams: [
      { phase: first, members: members.slice(0, size) },
      { phase: second, members: members.slice(size) },
    ],
  };
}

/** A step of the student on all images of a batch, as `classify` has found it. */
function paceOf(
  summaries: SplitRequest["summaries"],
  ranks: number,
): Omit<PhaseCost, "steps"> | undefined {
  const { step_ms: step, wait_ms: wait, step_ranks: size } =
    summaries.get("classify") ?? {};
  return typeof step === "number" && typeof wait === "number" && size === ranks
    ? { computeMs: step - wait, waitMs: wait }
    : undefined;
}
