import type { Clock } from "../../src/env/mod.ts";

/** Round trips that the median is taken over. */
const WINDOW = 5;

/** How long a message takes to the server and back: the median of the last ones. */
export class RoundTrip {
  readonly #clock: Clock;
  /** Sends a message and resolves when its answer is there. */
  readonly #ask: () => Promise<void>;
  readonly #times: number[] = [];
  #asking = false;

  constructor(clock: Clock, ask: () => Promise<void>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Milliseconds; 0 before the first measurement. */
  get ms(): number {
    const sorted = this.#times.toSorted((a, b) => a - b);
    return sorted[sorted.length >> 1] ?? 0;
  }

  /** Measures one, unless the one before is still on its way. */
  async measure(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const from = this.#clock.now();
    try {
      await this.#ask();
      this.#times.push(this.#clock.now() - from);
      if (this.#times.length > WINDOW) this.#times.shift();
    } catch {
      // The connection is lost: others report that.
    } finally {
      this.#asking = false;
    }
  }
}
