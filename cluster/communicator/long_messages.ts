import type { Parcel } from "../links/mod.ts";

/** Longer messages leave only when the receiver has begun the call too. */
export const EAGER_BYTES = 256 * 1024;
/**
 * The same for the only call that a rank has begun. What several calls send ahead
 * could use up the credit that the oldest of them needs; one alone cannot.
 */
export const EAGER_ALONE_BYTES = 1024 * 1024;

/**
 * Parcels of long messages within a call, held until their receiver says that it
 * has begun the call: it has memory for them, so that they never wait on its side
 * in the way of others.
 */
export class LongMessages {
  readonly #post: (to: number, parcel: Parcel) => void;
  readonly #readyEarly: (rank: number) => boolean;
  readonly #ready = new Set<number>();
  readonly #held: { to: number; parcel: Parcel }[] = [];

  constructor(options: {
    post(to: number, parcel: Parcel): void;
    /** Whether word has come from a rank before the call was begun here. */
    readyEarly(rank: number): boolean;
  }) {
    this.#post = options.post;
    this.#readyEarly = options.readyEarly;
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** Ranks that parcels wait for. */
  get receivers(): number[] {
    return this.#held.map(({ to }) => to);
  }

  send(to: number, parcel: Parcel): void {
    if (!this.#ready.has(to) && this.#readyEarly(to)) this.#ready.add(to);
    if (this.#ready.has(to)) this.#post(to, parcel);
    else this.#held.push({ to, parcel });
  }

  onReady(rank: number): void {
    this.#ready.add(rank);
    for (const { to, parcel } of this.#held.splice(0)) {
      if (to === rank) this.#post(to, parcel);
      else this.#held.push({ to, parcel });
    }
  }
}
