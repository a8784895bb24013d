import {
  findStraggler,
  median,
  slowestRank,
  type Straggler,
} from "../run/mod.ts";
import type { FinishedStep } from "../training/mod.ts";

/** Steps over which a slow link must show. */
const WINDOW = 20;
/** Part of a step for which others may always wait for a rank. */
const TOLERANCE = 0.1;
/** Steps lost beyond that, in all, from which on a rank is called slow. */
const LOST_STEPS = 7;
/** Most that a single step counts: a checkpoint or an evaluation makes no rank slow. */
const MOST = 0.5;

type TimedStep = Pick<FinishedStep, "totalMs" | "ranks">;

/** What the others lost by one rank since they last lost nothing. */
interface Loss {
  /** Steps beyond the tolerance. */
  excess: number;
  /** The same with it, less what was lost by others. */
  lost: number;
  steps: number;
}

/**
 * Looks for a rank that holds up the others. Ranks that share cores do so in turn, one
 * of them for up to 50 steps, so what counts is a cumulative sum (Page, Biometrika 41,
 * 1954): it grows with each step in which the others wait for a rank, faster if
 * they wait long, and falls when they wait for another.
 */
export class StragglerWatch {
  readonly #steps: TimedStep[] = [];
  #losses: Loss[] = [];

  add(step: TimedStep): void {
    const { ranks, totalMs } = step;
    if (ranks === undefined) return;
    this.#steps.push(step);
    if (this.#steps.length > WINDOW) this.#steps.shift();
    const slowest = slowestRank(ranks, totalMs);
    if (slowest === undefined) return;
    const share = Math.min(MOST, slowest.share);
    this.#losses = ranks.map((_, rank) =>
      addLoss(this.#losses[rank], rank === slowest.rank ? share : -share)
    );
  }

  get verdict(): Straggler | undefined {
    const rank = this.#losses.findIndex(({ excess }) => excess >= LOST_STEPS);
    if (rank >= 0) {
      const { lost, steps } = this.#losses[rank]!;
      return { cause: "compute", rank, share: lost / steps };
    }
    if (this.#steps.length < WINDOW) return undefined;
    const found = findStraggler(
      this.#steps[0]!.ranks!.map((_, rank) => this.#usual(rank)),
      median(this.#steps.map(({ totalMs }) => totalMs)),
    );
    return found?.cause === "link" ? found : undefined;
  }

  /** By medians, so that a pause in one step does not count. */
  #usual(rank: number) {
    const of = (key: "readyMs" | "waitMs" | "roundTripMs") =>
      median(this.#steps.map(({ ranks }) => ranks![rank]![key]));
    return {
      readyMs: of("readyMs"),
      waitMs: of("waitMs"),
      roundTripMs: of("roundTripMs"),
    };
  }
}

function addLoss(before: Loss | undefined, share: number): Loss {
  const excess = (before?.excess ?? 0) + share - TOLERANCE;
  if (excess <= 0) return { excess: 0, lost: 0, steps: 0 };
  return {
    excess,
    lost: (before?.lost ?? 0) + share,
    steps: (before?.steps ?? 0) + 1,
  };
}
