import type { Clock, Timers } from "../../src/env/mod.ts";

interface Entry {
  at: number;
  order: number;
  action: () => void;
}

/** A clock that jumps from timer to timer, so that minutes pass in no time. */
export class VirtualTime {
  readonly clock: Clock;
  readonly timers: Timers;
  #now = 0;
  #order = 0;
  readonly #entries = new Set<Entry>();

  constructor() {
    this.clock = { now: () => this.#now, wall: () => this.#now };
    this.timers = {
      after: (ms, action) => this.#add(ms, action),
      every: (ms, action) => {
        let cancel = () => {};
        const next = () => {
          cancel = this.#add(ms, () => {
            next();
            action();
          });
        };
        next();
        return () => cancel();
      },
      sleep: (ms) =>
        new Promise((resolve) => {
          this.#add(ms, resolve);
        }),
    };
  }

  /** Lets time pass until the promise settles. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    while (true) {
      for (let turn = 0; turn < 12 && !settled; turn++) await Promise.resolve();
      if (settled) return promise;
      let next: Entry | undefined;
      for (const entry of this.#entries) {
        if (
          next === undefined || entry.at < next.at ||
          (entry.at === next.at && entry.order < next.order)
        ) next = entry;
      }
      if (next === undefined) throw new Error("Nothing is left to wait for");
      if (next.at > 3_600_000) throw new Error("Nothing happened for an hour");
      this.#entries.delete(next);
      this.#now = next.at;
      next.action();
    }
  }

  #add(ms: number, action: () => void): () => void {
    const entry = { at: this.#now + ms, order: this.#order++, action };
    this.#entries.add(entry);
    return () => this.#entries.delete(entry);
  }
}
