import type { Config } from "../../src/config/mod.ts";
import {
  type PhaseName,
  type PhaseSummary,
  TEACHERS,
} from "../../src/phases/engine.ts";
import type { PhaseWork } from "../../src/phases/mod.ts";

/** Phases that need nothing of each other, so that they may run at the same time. */
export interface Independent {
  phases: readonly PhaseName[];
  /** Those that tell what a step costs, when one of them is done. */
  measured: readonly PhaseName[];
}

export const INDEPENDENT: readonly Independent[] = [
  { phases: TEACHERS, measured: TEACHERS },
  { phases: ["selfTrain", "baseline"], measured: ["classify"] },
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

/** How phases share the ranks. */
export interface RankSplit {
  /** Ranks of each. */
  sizes: readonly number[];
  /** Seconds until all are done, side by side. */
  apart: number;
  /** Seconds until all are done, one after the other on all ranks. */
  together: number;
}

/**
 * The whole numbers of ranks with which all phases end soonest.
 *
 * A rank's computation grows with its share of the batch; what a ring makes it
 * wait for with the part of the gradients that others hold, `(n - 1) / n`.
 */
export function splitRanks(
  costs: readonly PhaseCost[],
  ranks: number,
): RankSplit {
  const seconds = ({ steps, computeMs, waitMs }: PhaseCost, size: number) => {
    const wait = ranks > 1 ? waitMs * (1 - 1 / size) / (1 - 1 / ranks) : 0;
    return steps * (computeMs * ranks / size + wait) / 1000;
  };
  if (costs.length === 0 || ranks < costs.length) {
    throw new TypeError(
      `Cannot divide ${ranks} ranks between ${costs.length} phases`,
    );
  }
  /** The best divisions of so many ranks between the first phases. */
  let best: (Pick<RankSplit, "sizes" | "apart"> | undefined)[] = [
    { sizes: [], apart: 0 },
  ];
  for (const cost of costs) {
    const before = best;
    best = [];
    for (let total = 1; total <= ranks; total++) {
      for (let size = 1; size <= total; size++) {
        const others = before[total - size];
        if (others === undefined) continue;
        const apart = Math.max(others.apart, seconds(cost, size));
        const known = best[total];
        if (known !== undefined && known.apart <= apart) continue;
        best[total] = { sizes: [...others.sizes, size], apart };
      }
    }
  }
  const together = costs.reduce((sum, cost) => sum + seconds(cost, ranks), 0);
  return { ...best[ranks]!, together };
}

/** The split, where it is wished for. */
export function chooseSplit(
  wish: Wish,
  costs: readonly PhaseCost[],
  ranks: number,
): RankSplit | undefined {
  if (wish === "never" || costs.length < 2 || ranks < costs.length) {
    return undefined;
  }
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

/**
 * The phases to run at the same time, where that ends them sooner; of more phases
 * than ranks the first ones.
 */
export function planTeams(
  request: SplitRequest,
): { teams: readonly Team[]; split: RankSplit } | undefined {
  const { wish, phases, members, work } = request;
  const group = INDEPENDENT.find((each) => each.phases.includes(phases[0]!));
  const chosen = phases.filter((phase) => group?.phases.includes(phase))
    .slice(0, members.length);
  if (group === undefined || chosen.length < 2) return undefined;
  const measured = paceOf(group.measured, request);
  if (measured === undefined && wish !== "always") return undefined;
  const { computeMs, waitMs } = measured ?? { computeMs: 1, waitMs: 0 };
  const costs = chosen.map((phase): PhaseCost => {
    const { steps, cost } = work.get(phase)!;
    return { steps, computeMs: computeMs * cost, waitMs };
  });
  const split = chooseSplit(wish, costs, members.length);
  if (split === undefined) return undefined;
  let first = 0;
  const teams = chosen.map((phase, i) => {
    const team = members.slice(first, first + split.sizes[i]!);
    first += split.sizes[i]!;
    return { phase, members: team };
  });
  return { split, teams };
}

/** What a step of cost 1 takes on all images of a batch, as a phase that is done has found it. */
function paceOf(
  measured: readonly PhaseName[],
  { members, work, summaries }: SplitRequest,
): Omit<PhaseCost, "steps"> | undefined {
  for (const phase of measured) {
    const { step_ms: step, wait_ms: wait, step_ranks: size } =
      summaries.get(phase) ?? {};
    const { cost = 1 } = work.get(phase) ?? {};
    if (
      typeof step === "number" && typeof wait === "number" &&
      size === members.length
    ) return { computeMs: (step - wait) / cost, waitMs: wait };
  }
  return undefined;
}
