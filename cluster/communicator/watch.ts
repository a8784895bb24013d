import { CollectiveTimeoutError, type Wait } from "./errors.ts";
import type { Operation } from "./operation.ts";

export interface WatchOptions {
  rank: number;
  size: number;
  warnAfterMs: number;
  deadlineMs: number;
  now: () => number;
  /** Sends a query to a rank. */
  ask(rank: number): void;
  onWarning(wait: Wait): void;
  fail(error: Error): void;
}

const ASK_EVERY_MS = 1000;
/** Queries without an answer after which a rank counts as silent. */
const UNANSWERED = 3;

/**
 * Finds out whom a collective waits for. In a ring every rank waits for the one
 * before it, so the ranks ask each other how far they have come.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #askEvery: number;
  readonly #heardAt: number[];
  /** Operations that each rank has entered, as far as is known here. */
  readonly #entered: number[];
  #askedAt = -Infinity;
  #finishedAt = -Infinity;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#askEvery = Math.min(ASK_EVERY_MS, options.warnAfterMs / 8);
    const zeros = new Array<number>(options.size).fill(0);
    this.#heardAt = zeros.map(options.now);
    this.#entered = zeros;
  }

  heard(rank: number): void {
    this.#heardAt[rank] = this.#options.now();
  }

  hasEntered(rank: number, operation: number): void {
    this.#entered[rank] = Math.max(this.#entered[rank]!, operation);
  }

  /** An operation has ended: the next one's time begins. */
  finished(): void {
    this.#finishedAt = this.#options.now();
  }

  /** Asks all others how far they have come; they also learn that this rank is here. */
  askAll(): void {
    this.#askedAt = this.#options.now();
    for (let other = 0; other < this.#options.size; other++) {
      if (other !== this.#options.rank) this.#options.ask(other);
    }
  }

  /** Looks at the operation that has waited longest. */
  check(operation: Operation): void {
    const { warnAfterMs, deadlineMs, now, rank } = this.#options;
    const waited = now() - Math.max(operation.movedAt, this.#finishedAt);
    if (waited < this.#askEvery) return;
    if (now() - this.#askedAt >= this.#askEvery) this.askAll();
    if (waited >= deadlineMs) {
      this.#options.fail(
        new CollectiveTimeoutError(rank, this.#describe(operation, waited)),
      );
    } else if (waited >= warnAfterMs && !operation.warned) {
      operation.warned = true;
      this.#options.onWarning(this.#describe(operation, waited));
    }
  }

  #describe(operation: Operation, waited: number): Wait {
    const { rank, size, now } = this.#options;
    const others = Array.from({ length: size }, (_, other) => other)
      .filter((other) => other !== rank);
    const silence = this.#askEvery * UNANSWERED;
    const silent = others.filter((other) =>
      now() - this.#heardAt[other]! > silence
    );
    const absent = others.filter((other) =>
      this.#entered[other]! < operation.number
    );
    const [cause, missingRanks] = silent.length > 0
      ? ["silent" as const, silent]
      : absent.length > 0
      ? ["absent" as const, absent]
      : ["stuck" as const, operation.collective.sources];
    return {
      collective: operation.title,
      missingRanks,
      cause,
      seconds: Math.round(waited / 1000),
    };
  }
}
