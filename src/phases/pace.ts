import type { FinishedStep } from "../training/mod.ts";

/** The first steps of a process also compile and warm up. */
const WARM_UP = 3;
/** Fewer steps tell too little. */
const LEAST = 20;

/** Mean times of a phase's steps, for whoever decides how ranks share the work to come. */
export class Pace {
  readonly #ranks: number;
  #seen = 0;
  #count = 0;
  #stepMs = 0;
  #waitMs = 0;

  constructor(ranks: number) {
    this.#ranks = ranks;
  }

  add({ totalMs, ranks }: FinishedStep): void {
    if (++this.#seen <= WARM_UP) return;
    this.#count++;
    this.#stepMs += totalMs;
    if (ranks === undefined) return;
    this.#waitMs += ranks.reduce((sum, { waitMs }) => sum + waitMs, 0) /
      ranks.length;
  }

  /** Milliseconds of a step, of them waiting for other ranks, and how many there were. */
  get figures(): Record<string, number> {
    if (this.#count < LEAST) return {};
    return {
      step_ranks: this.#ranks,
      step_ms: this.#stepMs / this.#count,
      wait_ms: this.#waitMs / this.#count,
    };
  }
}
