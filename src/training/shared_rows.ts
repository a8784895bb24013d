import type { Communicator, Leases } from "./communicator.ts";
import type { Division } from "./division.ts";
import { leasesFor } from "./leases.ts";
import type { PartRows } from "./leftovers.ts";

/** What {@linkcode SharedRows} needs. */
export interface SharedRowsOptions {
  communicator: Communicator;
  /** How the ranks divide rows that are not leased. */
  division: Division;
  /** Rows, and values of each. */
  count: number;
  width: number;
  /** Rows that are computed at a time. */
  batch: number;
}

/**
 * Rows of a batch, at most `most`, such that all batches of this rank are as full:
 * each is computed whole, with what it has no row for.
 */
export function evenBatch(
  { communicator, division, count }: Pick<
    SharedRowsOptions,
    "communicator" | "division" | "count"
  >,
  most: number,
): number {
  const leased = leasesFor(communicator, Math.ceil(count / most));
  const [first, end] = leased ? [0, count] : division.own(count);
  const rows = Math.max(1, end - first);
  return Math.ceil(rows / Math.ceil(rows / most));
}

/**
 * Rows that do not depend on each other: every rank computes some, all end with all.
 *
 * The ranks lease batches of rows as they get done with others, where the
 * communicator has leases and there is enough to do; else each has its share. Who
 * computes a row makes no difference to it.
 */
export class SharedRows {
  /** `[count, width]` */
  readonly values: Float32Array<SharedArrayBuffer>;
  readonly #options: SharedRowsOptions;
  readonly #leased: LeasedRows | undefined;

  constructor(options: SharedRowsOptions) {
    const { communicator, count, width, batch } = options;
    const parts = Math.ceil(count / batch);
    const leases = leasesFor(communicator, parts);
    this.#options = options;
    this.values = communicator.allocate(count * width);
    this.#leased = leases
      ? new LeasedRows(options, { leases, parts, values: this.values })
      : undefined;
  }

  /** Parts of what is leased that this rank has. */
  get own(): PartRows {
    return this.#leased?.own ?? new Map();
  }

  /**
   * Computes all rows.
   *
   * @param compute Writes the rows `[first, end)`, at most a batch, into {@linkcode values}.
   * @param kept Rows that this rank has already.
   */
  async fill(
    compute: (first: number, end: number) => void,
    kept?: PartRows,
  ): Promise<void> {
    if (this.#leased) return await this.#leased.fill(compute, kept);
    const { communicator, division, count, width, batch } = this.#options;
    const [start, end] = division.own(count);
    for (let first = start; first < end; first += batch) {
      compute(first, Math.min(first + batch, end));
    }
    await communicator.allGather(
      this.values,
      division.offsets(count).map((row) => row * width),
    );
  }
}

/** Rows in parts of a batch, which ranks lease. */
class LeasedRows {
  readonly #options: SharedRowsOptions;
  readonly #leases: Leases;
  readonly #parts: number;
  readonly #values: Float32Array<SharedArrayBuffer>;
  /** Who has which part, `[ranks, parts]`. */
  readonly #held: Float32Array<SharedArrayBuffer>;
  /** All rows, those of a rank behind each other. */
  readonly #packed: Float32Array<SharedArrayBuffer>;
  readonly #own = new Set<number>();

  constructor(
    options: SharedRowsOptions,
    { leases, parts, values }: {
      leases: Leases;
      parts: number;
      values: Float32Array<SharedArrayBuffer>;
    },
  ) {
    const { communicator } = options;
    this.#options = options;
    this.#leases = leases;
    this.#parts = parts;
    this.#values = values;
    this.#held = communicator.allocate(communicator.size * parts);
    this.#packed = communicator.allocate(values.length);
  }

  get own(): PartRows {
    return new Map(
      [...this.#own].map((part) => [part, this.#rowsOf(part).slice()]),
    );
  }

  async fill(
    compute: (first: number, end: number) => void,
    kept: PartRows = new Map(),
  ): Promise<void> {
    const { count, batch } = this.#options;
    this.#own.clear();
    for (const [part, rows] of kept) {
      this.#rowsOf(part).set(rows);
      this.#own.add(part);
    }
    let holders = this.#leases.regrouped
      ? await this.#findHolders()
      : Array.from({ length: this.#parts }, () => NOBODY);
    // Once; again only when a lease was lost with the rank that held it.
    while (holders.includes(NOBODY)) {
      const missing = holders.flatMap((holder, part) =>
        holder === NOBODY ? [part] : []
      );
      const work = this.#leases.begin(missing.length);
      for (let lease; (lease = await work.next()) !== undefined;) {
        for (const part of missing.slice(...lease)) {
          const first = part * batch;
          compute(first, Math.min(first + batch, count));
          this.#own.add(part);
        }
      }
      holders = await this.#findHolders();
    }
    await this.#gather(holders);
  }

  /** The first rank that has each part. */
  async #findHolders(): Promise<number[]> {
    const { communicator } = this.#options;
    const { rank, size } = communicator;
    const parts = this.#parts;
    const held = this.#held;
    for (let part = 0; part < parts; part++) {
      held[rank * parts + part] = this.#own.has(part) ? 1 : 0;
    }
    await communicator.allGather(
      held,
      Array.from({ length: size + 1 }, (_, r) => r * parts),
    );
    const ranks = Array.from({ length: size }, (_, r) => r);
    return Array.from(
      { length: parts },
      (_, part) => ranks.find((r) => held[r * parts + part] === 1) ?? NOBODY,
    );
  }

  async #gather(holders: readonly number[]): Promise<void> {
    const { communicator } = this.#options;
    const { rank, size } = communicator;
    const packed = this.#packed;
    const offsets = [0];
    const places: [part: number, offset: number][] = [];
    let offset = 0;
    for (let r = 0; r < size; r++) {
      holders.forEach((holder, part) => {
        if (holder !== r) return;
        places.push([part, offset]);
        offset += this.#rowsOf(part).length;
      });
      offsets.push(offset);
    }
    for (const [part, offset] of places) {
      if (holders[part] === rank) packed.set(this.#rowsOf(part), offset);
    }
    await communicator.allGather(packed, offsets);
    for (const [part, offset] of places) {
      const rows = this.#rowsOf(part);
      rows.set(packed.subarray(offset, offset + rows.length));
    }
  }

  #rowsOf(part: number): Float32Array<SharedArrayBuffer> {
    const { batch, width } = this.#options;
    const floats = batch * width;
    return this.#values.subarray(part * floats, (part + 1) * floats);
  }
}

const NOBODY = -1;
