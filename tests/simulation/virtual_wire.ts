import { uniform } from "../helpers/mod.ts";
import { Agenda } from "./agenda.ts";

/** Time that passes as things happen, and a wire that loses and repeats messages. */
export class VirtualWire {
  readonly #next: () => number;
  readonly #loss: number;
  readonly #agenda = new Agenda();
  readonly #lost = new Map<string, number>();
  #time = 0;

  /** @param loss Chance that a message is lost, or arrives twice. */
  constructor(seed: number, loss: number) {
    this.#next = uniform(seed);
    this.#loss = loss;
  }

  /** Virtual ms so far. */
  get time(): number {
    return this.#time;
  }

  /** A random number in [0, 1). */
  next(): number {
    return this.#next();
  }

  after(ms: number, action: () => void): void {
    this.#agenda.push(this.#time + ms, action);
  }

  /** Delivers after a while, perhaps twice, perhaps not; never thrice lost in a row. */
  send(channel: string, deliver: () => void): void {
    const lost = this.#lost.get(channel) ?? 0;
    if (lost < 3 && this.#next() < this.#loss) {
      this.#lost.set(channel, lost + 1);
      return;
    }
    this.#lost.set(channel, 0);
    this.after(1 + this.#next() * 50, deliver);
    if (this.#next() < this.#loss) this.after(1 + this.#next() * 3000, deliver);
  }

  /** Lets the next thing happen; false when none is left before `end`. */
  advance(end: number): boolean {
    const entry = this.#agenda.pop();
    if (entry === undefined || entry.time > end) return false;
    this.#time = entry.time;
    entry.action();
    return true;
  }
}
