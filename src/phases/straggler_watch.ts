import { findStraggler, median, type Straggler } from "../run/mod.ts";
import type { FinishedStep } from "../training/mod.ts";

/** Steps over which a verdict must hold. */
const WINDOW = 100;
/**
 * Steps of them in which a rank must be later than the others to be called slow.
 * Ranks that share cores are late in turn, one of them for up to 50 steps.
 */
const LATE = 90;

type TimedStep = Pick<FinishedStep, "totalMs" | "ranks">;

/** Looks for a rank that holds up the others over the last steps, not in a single one. */
export class StragglerWatch {
  readonly #steps: TimedStep[] = [];

  add(step: TimedStep): void {
    if (step.ranks === undefined) return;
    this.#steps.push(step);
    if (this.#steps.length > WINDOW) this.#steps.shift();
  }

  /** By medians, so that a pause in one step does not count. */
  get verdict(): Straggler | undefined {
    if (this.#steps.length < WINDOW) return undefined;
    const ranks = this.#steps[0]!.ranks!.map((_, rank) => {
      const of = (key: "readyMs" | "waitMs" | "roundTripMs") =>
        median(this.#steps.map(({ ranks }) => ranks![rank]![key]));
      return {
        readyMs: of("readyMs"),
        waitMs: of("waitMs"),
        roundTripMs: of("roundTripMs"),
      };
    });
    const found = findStraggler(
      ranks,
      median(this.#steps.map((s) => s.totalMs)),
    );
    return found?.cause === "compute" && this.#lateSteps(found.rank!) < LATE
      ? undefined
      : found;
  }

  #lateSteps(rank: number): number {
    return this.#steps.filter(({ ranks }) => {
      const others = ranks!.filter((_, other) => other !== rank);
      return ranks![rank]!.readyMs >
        median(others.map(({ readyMs }) => readyMs));
    }).length;
  }
}
