import type { Context } from "./context.ts";
import { ANY_SOURCE } from "./envelope.ts";
import { CollectiveTimeoutError, type Wait } from "./errors.ts";
import type { Operation } from "./operation.ts";

export interface WatchOptions {
  rank: number;
  size: number;
  warnAfterMs: number;
  deadlineMs: number;
  now: () => number;
  /** Asks a rank how far it has come; it also learns of the call that waits here. */
  ask(rank: number, context?: Context, operation?: Operation): void;
  onWarning(wait: Wait): void;
  fail(error: Error): void;
}

const ASK_EVERY_MS = 1000;
/**
 * Up to so many ranks all of them greet each other and, while they wait, ask each
 * other every second. What each does more often the more there are would flood a
 * larger world.
 */
const FEW_RANKS = 16;
/** Queries without an answer after which a rank counts as silent. */
const UNANSWERED = 3;
/** A busy machine answers late: short deadlines leave it this long, in ms. */
const LATE_MS = 500;

/**
 * Finds out whom a call waits for. In a ring every rank waits for the one before
 * it, so the ranks ask each other how far they have come.
 */
export class Watch {
  readonly #options: WatchOptions;
  /** Between two questions to those that a call waits for, and to all others. */
  readonly #askEvery: number;
  readonly #askAllEvery: number;
  readonly #heardAt: number[];
  /** Operations that each rank has entered in each context, as far as is known here. */
  readonly #entered = new Map<string, number>();
  #askedAt = -Infinity;
  #askedAllAt = -Infinity;
  #finishedAt = -Infinity;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#askEvery = Math.min(ASK_EVERY_MS, options.warnAfterMs / 8);
    this.#askAllEvery = this.#askEvery * Math.max(1, options.size / FEW_RANKS);
    this.#heardAt = new Array<number>(options.size).fill(options.now());
  }

  heard(rank: number): void {
    this.#heardAt[rank] = this.#options.now();
  }

  /** Notes how far a rank has come; returns whether that is news. */
  hasEntered(rank: number, context: number, operation: number): boolean {
    if (operation <= this.entered(rank, context)) return false;
    this.#entered.set(`${context}/${rank}`, operation);
    return true;
  }

  /** Calls that a rank has made in a context, as far as is known. */
  entered(rank: number, context: number): number {
    return this.#entered.get(`${context}/${rank}`) ?? 0;
  }

  /** Nothing more is asked of a context. */
  forget({ id, members }: Context): void {
    for (const rank of members) this.#entered.delete(`${id}/${rank}`);
  }

  /** An operation has ended: the next one's time begins. */
  finished(): void {
    this.#finishedAt = this.#options.now();
  }

  /**
   * Greets others, who may have sent something in vain before: of many ranks those
   * that collectives begin with.
   */
  greet(): void {
    const { rank, size, ask } = this.#options;
    const many = size > FEW_RANKS;
    const others = new Set<number>();
    for (let step = 1; step < size; step += many ? step : 1) {
      others.add((rank + step) % size).add((rank - step + size) % size);
    }
    for (const other of others) ask(other);
  }

  /** Looks at the operation that has waited longest. */
  check(context: Context, operation: Operation): void {
    const { warnAfterMs, deadlineMs, now, rank, ask } = this.#options;
    const waited = now() - Math.max(operation.movedAt, this.#finishedAt);
    if (waited < this.#askEvery) return;
    if (now() - this.#askedAt >= this.#askEvery) {
      this.#askedAt = now();
      const all = waited >= this.#askAllEvery &&
        now() - this.#askedAllAt >= this.#askAllEvery;
      if (all) this.#askedAllAt = now();
      const asked = all ? context.members : sourcesOf(context, operation);
      for (const other of asked) {
        if (other !== rank) ask(other, context, operation);
      }
    }
    if (waited >= deadlineMs) {
      const wait = this.#describe(context, operation, waited);
      this.#options.fail(new CollectiveTimeoutError(rank, wait));
    } else if (waited >= warnAfterMs && !operation.warned) {
      operation.warned = true;
      this.#options.onWarning(this.#describe(context, operation, waited));
    }
  }

  /** Ends sends and receives whose time is over, each for itself. */
  checkMessages(context: Context): void {
    const others = (place: number) =>
      place === ANY_SOURCE
        ? context.members.filter((rank) => rank !== this.#options.rank)
        : [context.members[place]!];
    const wait = (waitedMs: number) => ({
      seconds: Math.round(waitedMs / 1000),
    });
    for (const { name, pattern, waitedMs, fail } of context.incoming.late()) {
      fail(
        new CollectiveTimeoutError(this.#options.rank, {
          collective: name,
          missingRanks: others(pattern.from),
          cause: "unsent",
          ...wait(waitedMs),
        }),
      );
    }
    for (const { to, tag, waitedMs, fail } of context.outgoing.late()) {
      fail(
        new CollectiveTimeoutError(this.#options.rank, {
          collective: `send to rank ${to} with tag ${tag}`,
          missingRanks: others(to),
          cause: "unreceived",
          ...wait(waitedMs),
        }),
      );
    }
  }

  #describe(context: Context, operation: Operation, waited: number): Wait {
    const { rank, now } = this.#options;
    const others = context.members.filter((other) => other !== rank);
    const silence = Math.max(
      this.#askAllEvery * UNANSWERED,
      Math.min(LATE_MS, waited / 2),
    );
    const silent = others.filter((other) =>
      now() - this.#heardAt[other]! > silence
    );
    const absent = others.filter((other) =>
      this.entered(other, context.id) < operation.number
    );
    const sources = sourcesOf(context, operation);
    const [cause, missingRanks] = silent.length > 0
      ? ["silent" as const, silent]
      : absent.length > 0
      ? ["absent" as const, absent]
      : [
        "stuck" as const,
        // Without a source, something that was sent is not acknowledged.
        sources.length === 0 ? others : sources,
      ];
    return {
      collective: operation.title,
      missingRanks,
      cause,
      seconds: Math.round(waited / 1000),
    };
  }
}

/** Ranks whose data or readiness an operation waits for. */
function sourcesOf(context: Context, operation: Operation): number[] {
  return operation.sources.map((place) => context.members[place]!);
}
