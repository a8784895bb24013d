import type { Clock, Timers } from "../../src/env/mod.ts";
import { Agenda } from "../simulation/agenda.ts";

/** A clock that jumps from timer to timer, so that minutes pass in no time. */
export class VirtualTime {
  readonly clock: Clock;
  readonly timers: Timers;
  #now = 0;
  readonly #agenda = new Agenda();
  readonly #cancelled = new Set<() => void>();

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
      const next = this.#agenda.pop();
      if (next === undefined) throw new Error("Nothing is left to wait for");
      if (this.#cancelled.delete(next.action)) continue;
      if (next.time > 3_600_000) {
        throw new Error("Nothing happened for an hour");
      }
      this.#now = next.time;
      next.action();
    }
  }

  #add(ms: number, action: () => void): () => void {
    let done = false;
    const entry = () => {
      done = true;
      action();
    };
    this.#agenda.push(this.#now + ms, entry);
    return () => {
      if (!done) this.#cancelled.add(entry);
    };
  }
}
