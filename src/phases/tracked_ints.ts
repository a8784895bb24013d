/** Whole numbers that every step saves and of which it changes few. */
export class TrackedInts {
  readonly #values: Int32Array;
  #saved: SavedInts | undefined;
  /** Places that are no longer as they were saved. */
  #changed: number[] = [];

  constructor(length: number, value: number) {
    this.#values = new Int32Array(length).fill(value);
  }

  get length(): number {
    return this.#values.length;
  }

  at(place: number): number {
    return this.#values[place]!;
  }

  set(place: number, value: number): void {
    this.#values[place] = value;
    if (this.#saved === undefined) return;
    this.#changed.push(place);
    // A copy costs less by now, and this list has an end.
    if (this.#changed.length > this.length) this.#forget();
  }

  [Symbol.iterator](): IterableIterator<number> {
    return this.#values.values();
  }

  /** All of them as they are now, until the next call: a list once it is JSON. */
  save(): ArrayLike<number> {
    const saved = this.#saved ??= new SavedInts(this.#values);
    for (const place of this.#changed) saved[place] = this.#values[place]!;
    this.#changed = [];
    return saved;
  }

  restore(values: ArrayLike<number>): void {
    this.#values.set(values);
    this.#forget();
  }

  #forget(): void {
    this.#saved = undefined;
    this.#changed = [];
  }
}

class SavedInts extends Int32Array {
  toJSON(): number[] {
    return [...this];
  }
}
