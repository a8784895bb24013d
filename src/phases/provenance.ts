import { TrackedInts } from "./tracked_ints.ts";

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

/** A {@linkcode Provenance} as it was. */
export interface ProvenanceState {
  next: number;
  columns: Record<string, ArrayLike<number>>;
}

/**
 * Which images self-training has learnt from, when first, and how often their
 * labels changed. All ranks keep the same, and checkpoints hold it.
 */
export class Provenance {
  readonly #columns: Readonly<
    Record<"last" | "first" | "used" | "seen" | "flips", TrackedInts>
  >;
  /** The step after the last one that is noted. */
  #next = 0;

  /** @param total Unlabelled images. */
  constructor(total: number) {
    this.#columns = {
      last: new TrackedInts(total, -1),
      first: new TrackedInts(total, -1),
      used: new TrackedInts(total, 0),
      seen: new TrackedInts(total, 0),
      flips: new TrackedInts(total, 0),
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
    const count = (column: TrackedInts, at: number) =>
      column.set(at, column.at(at) + 1);
    positions.forEach((at, i) => {
      const label = labels[i]!;
      count(seen, at);
      if (last.at(at) >= 0 && last.at(at) !== label) count(flips, at);
      last.set(at, label);
      if (weights[i]! <= 0) return;
      if (first.at(at) < 0) first.set(at, round);
      count(used, at);
    });
  }

  at(position: number): ImageHistory {
    const { first, used, seen, flips } = this.#columns;
    return {
      firstUsed: first.at(position),
      timesUsed: used.at(position),
      timesSeen: seen.at(position),
      flips: flips.at(position),
    };
  }

  /** Mean flips of the images that were seen. */
  get meanFlips(): number {
    const { seen, flips } = this.#columns;
    let images = 0;
    for (const times of seen) if (times > 0) images++;
    let sum = 0;
    for (const times of flips) sum += times;
    return sum / Math.max(1, images);
  }

  /** As it is now, until the next call. */
  save(): ProvenanceState {
    return {
      next: this.#next,
      columns: Object.fromEntries(
        Object.entries(this.#columns)
          .map(([name, column]) => [name, column.save()]),
      ),
    };
  }

  restore({ next, columns }: ProvenanceState): void {
    this.#next = next;
    for (const [name, column] of Object.entries(this.#columns)) {
      column.restore(columns[name]!);
    }
  }
}
