import type { Communicator } from "./communicator.ts";

/** How a rank spent a step, in milliseconds. */
export interface RankTimes {
  /** Own work until its last gradients were on their way, without waiting for others. */
  readyMs: number;
  /** The host waited for other ranks: what communication cost beyond its overlap. */
  waitMs: number;
  /** A message to the others' meeting point and back; 0 where that is not measured. */
  roundTripMs: number;
}

const FIGURES = 3;

/**
 * The times of all ranks, which travel with the metrics of the step after: each
 * rank fills in its own and zeros for the others, so their sum is the table.
 */
export class RankTable {
  readonly #communicator: Communicator;
  #own: RankTimes | undefined;

  constructor(communicator: Communicator) {
    this.#communicator = communicator;
  }

  /** Floats that it adds to the metrics. */
  get length(): number {
    return FIGURES * this.#communicator.size;
  }

  /** A step of this rank is over. */
  note({ readyMs, waitMs }: Omit<RankTimes, "roundTripMs">): void {
    const { roundTripMs = 0 } = this.#communicator;
    this.#own = { readyMs, waitMs, roundTripMs };
  }

  /** Fills in the own times, before the sum. */
  write(target: Float32Array): void {
    target.fill(0);
    if (this.#own === undefined) return;
    const { readyMs, waitMs, roundTripMs } = this.#own;
    const place = FIGURES * this.#communicator.rank;
    target.set([readyMs, waitMs, roundTripMs], place);
  }

  /** The ranks' times of the step before; undefined in the first step of a process. */
  read(sums: Float32Array): RankTimes[] | undefined {
    if (this.#own === undefined) return undefined;
    return Array.from({ length: this.#communicator.size }, (_, rank) => {
      const [readyMs, waitMs, roundTripMs] = sums.subarray(FIGURES * rank);
      return {
        readyMs: readyMs!,
        waitMs: waitMs!,
        roundTripMs: roundTripMs!,
      };
    });
  }
}
