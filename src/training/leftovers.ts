/** Rows of some parts of a piece of work, by part. */
export type PartRows = ReadonlyMap<number, Float32Array>;

/** What makes rows what they are. */
export interface Work {
  images: object;
  /** Of everything else. */
  text: string;
}

/**
 * What a rank had computed when an exchange failed, until the ranks that are left
 * come to the same work again.
 */
export class Leftovers {
  #kept: { work: Work; rows: PartRows } | undefined;

  get empty(): boolean {
    return this.#kept === undefined;
  }

  /** Keeps rows, in the place of those that were kept before. */
  keep(work: Work, rows: PartRows): void {
    this.#kept = { work, rows };
  }

  /** Takes what was kept of a piece of work; what is kept of another one stays. */
  take({ images, text }: Work): PartRows | undefined {
    const { work, rows } = this.#kept ?? {};
    if (work?.images !== images || work.text !== text) return undefined;
    this.#kept = undefined;
    return rows;
  }

  clear(): void {
    this.#kept = undefined;
  }
}
