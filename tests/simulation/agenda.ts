/** A priority queue by time; equal times in the order of insertion. */
export class Agenda {
  readonly #heap: { time: number; order: number; action: () => void }[] = [];
  #order = 0;

  push(time: number, action: () => void): void {
    const heap = this.#heap;
    heap.push({ time, order: this.#order++, action });
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): { time: number; action: () => void } | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return top;
    heap[0] = last;
    let at = 0;
    while (true) {
      const left = 2 * at + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const least = right < heap.length && this.#before(right, left)
        ? right
        : left;
      if (!this.#before(least, at)) break;
      this.#swap(least, at);
      at = least;
    }
    return top;
  }

  #before(a: number, b: number): boolean {
    const left = this.#heap[a]!;
    const right = this.#heap[b]!;
    return left.time < right.time ||
      (left.time === right.time && left.order < right.order);
  }

  #swap(a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b]!, this.#heap[a]!];
  }
}
