import type { PlaceRequest } from "../protocol.ts";

/** How long a place is kept for a worker that has got it and shows no life, in ms. */
const KEPT_MS = 30_000;

interface Holder extends PlaceRequest {
  /** Smallest number that no other worker of its machine has. */
  localRank: number;
  /** When it has got the place, or shown life last. */
  heard: number;
  /** It is a rank of the run: whether it is lost is the coordinator's to see. */
  joined: boolean;
}

/** The ranks of a run whose workers come by themselves. */
export class Places {
  readonly #holders: (Holder | undefined)[];

  constructor(size: number) {
    this.#holders = new Array(size).fill(undefined);
  }

  /** A rank shows life. */
  beat(rank: number, now: number): void {
    const holder = this.#holders[rank];
    if (holder !== undefined) holder.heard = now;
  }

  /** The coordinator has taken the rank in. */
  join(rank: number): void {
    const holder = this.#holders[rank];
    if (holder !== undefined) holder.joined = true;
  }

  /** The coordinator waits for another in its place. */
  leave(rank: number): void {
    this.#holders[rank] = undefined;
  }

  /**
   * The place of a worker: the one that it has, the first that is free, or that of a
   * worker which never joined. `wait` while one may still become free, `full` when
   * none will.
   */
  ask(
    { host, id }: PlaceRequest,
    now: number,
  ): { rank: number; localRank: number } | "wait" | "full" {
    const own = this.#holders.findIndex((one) =>
      one?.host === host && one.id === id
    );
    const rank = own >= 0
      ? own
      : this.#holders.findIndex((one) =>
        one === undefined || !one.joined && now - one.heard > KEPT_MS
      );
    if (rank < 0) {
      return this.#holders.every((one) => one?.joined) ? "full" : "wait";
    }
    if (own < 0) {
      const localRank = this.#freeOn(host, rank);
      this.#holders[rank] = { host, id, localRank, heard: now, joined: false };
    }
    return { rank, localRank: this.#holders[rank]!.localRank };
  }

  #freeOn(host: string, place: number): number {
    const taken = this.#holders.flatMap((one, rank) =>
      one?.host === host && rank !== place ? [one.localRank] : []
    );
    let localRank = 0;
    while (taken.includes(localRank)) localRank++;
    return localRank;
  }
}
