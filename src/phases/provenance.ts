/** What became of one unlabelled image in self-training. */
export interface ImageHistory {
  /** Pass over the images, or round, in which it was first learnt from; -1 = never. */
  firstUsed: number;
  /** Steps that learnt from it. */
  timesUsed: number;
  /** Steps that saw it. */
  timesSeen: number;
  /** Times its label differed from the one before. */
  flips: number;
}

/** A {@linkcode Provenance} as it was, or as JSON. */
export interface ProvenanceState {
  next: number;
  columns: Record<string, ArrayLike<number>>;
}

/**
 * Which images self-training has learnt from, when first, and how often their
 * labels changed. All ranks keep the same, and checkpoints hold it.
 */
export class Provenance {
  readonly #columns: {
    last: Int32Array;
    first: Int32Array;
    used: Int32Array;
    seen: Int32Array;
    flips: Int32Array;
  };
  /** The step after the last one that is noted. */
  #next = 0;

  /** @param total Unlabelled images. */
  constructor(total: number) {
    this.#columns = {
      last: new Int32Array(total).fill(-1),
      first: new Int32Array(total).fill(-1),
      used: new Int32Array(total),
      seen: new Int32Array(total),
      flips: new Int32Array(total),
    };
  }

  /**
   * Notes a step, once: a step that is noted already changes nothing, since a
   * resumed phase prepares its next step again.
   *
   * @param round Pass over the images, or round of labelling.
   * @param positions Images by their place among the unlabelled ones.
   * @param weights 0 = not learnt from.
   */
  note(
    { step, round }: { step: number; round: number },
    positions: Int32Array,
    { labels, weights }: { labels: Int32Array; weights: Float32Array },
  ): void {
    if (step < this.#next) return;
    this.#next = step + 1;
    const { last, first, used, seen, flips } = this.#columns;
    positions.forEach((at, i) => {
      const label = labels[i]!;
      seen[at]!++;
      if (last[at]! >= 0 && last[at] !== label) flips[at]!++;
      last[at] = label;
      if (weights[i]! <= 0) return;
      if (first[at]! < 0) first[at] = round;
      used[at]!++;
    });
  }

  at(position: number): ImageHistory {
    const { first, used, seen, flips } = this.#columns;
    return {
      firstUsed: first[position]!,
      timesUsed: used[position]!,
      timesSeen: seen[position]!,
      flips: flips[position]!,
    };
  }

  /** Mean flips of the images that were seen. */
  get meanFlips(): number {
    const { seen, flips } = this.#columns;
    const count = seen.reduce((sum, times) => sum + (times > 0 ? 1 : 0), 0);
    return flips.reduce((a, b) => a + b, 0) / Math.max(1, count);
  }

  /** A copy, which every step keeps: it becomes lists of numbers when it is written. */
  save(): ProvenanceState & { toJSON(): ProvenanceState } {
    const next = this.#next;
    const columns = Object.entries(this.#columns)
      .map(([name, values]) => [name, values.slice()] as const);
    return {
      next,
      columns: Object.fromEntries(columns),
      toJSON: () => ({
        next,
        columns: Object.fromEntries(
          columns.map(([name, values]) => [name, [...values]]),
        ),
      }),
    };
  }

  restore({ next, columns }: ProvenanceState): void {
    this.#next = next;
    for (const [name, values] of Object.entries(this.#columns)) {
      values.set(columns[name]!);
    }
  }
}
