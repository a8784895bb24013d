/** Which frames of one sender have arrived. */
export class Inbox {
  /** First sequence number that has not arrived. */
  next = 1;
  /** Highest transmission that has arrived. */
  echo = 0;
  duplicates = 0;
  readonly #window: number;
  /** Numbers above {@linkcode next} that have arrived; at most a window. */
  readonly #early = new Set<number>();

  constructor(window: number) {
    this.#window = window;
  }

  isNew(sequence: number): boolean {
    return sequence >= this.next && !this.#early.has(sequence);
  }

  fits(sequence: number): boolean {
    return sequence < this.next + this.#window;
  }

  record(sequence: number): void {
    this.#early.add(sequence);
    while (this.#early.delete(this.next)) this.next++;
  }

  heard(transmission: number): void {
    this.echo = Math.max(this.echo, transmission);
  }

  /** Bit i of the map stands for sequence number `next + i`. */
  writeBitmap(into: Uint8Array): void {
    into.fill(0);
    for (const sequence of this.#early) {
      const bit = sequence - this.next;
      into[bit >>> 3]! |= 1 << (bit & 7);
    }
  }
}
