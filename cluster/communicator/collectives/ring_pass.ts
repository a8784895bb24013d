import {
  type Collective,
  type CollectiveName,
  type Piece,
  type Port,
  unexpected,
  wrap,
} from "./collective.ts";

export interface RingPassOptions {
  name: CollectiveName;
  buffer: Float32Array;
  rank: number;
  /** Chunk c holds the elements `[offsets[c], offsets[c + 1])`; one per rank. */
  offsets: readonly number[];
  /** Steps in which chunks travel on. */
  steps: number;
  /** In the first `sums` steps what arrives is added, later it is copied. */
  sums: number;
}

/**
 * Chunks that travel around the ring of n ranks.
 *
 * In step t rank r sends chunk r - t to rank r + 1 and receives chunk r - t - 1
 * from rank r - 1. Whatever arrives is used and sent on at once, segment by
 * segment, so all links are busy all the time and no step waits for another.
 */
export class RingPass implements Collective {
  readonly name: CollectiveName;
  readonly buffer: Float32Array;
  readonly sources: readonly number[];
  readonly #options: RingPassOptions;
  readonly #size: number;
  /** Elements still to come in each step. */
  readonly #awaited: number[] = [];
  #remaining = 0;

  constructor(options: RingPassOptions) {
    this.#options = options;
    this.name = options.name;
    this.buffer = options.buffer;
    this.#size = options.offsets.length - 1;
    this.sources = [wrap(options.rank - 1, this.#size)];
    for (let step = 0; step < options.steps; step++) {
      const [start, end] = this.#chunk(options.rank - step - 1);
      this.#awaited.push(end - start);
      this.#remaining += end - start;
    }
  }

  get complete(): boolean {
    return this.#remaining === 0;
  }

  start(port: Port): void {
    if (this.#options.steps === 0) return;
    const [start, end] = this.#chunk(port.rank);
    port.send(wrap(port.rank + 1, this.#size), 0, start, end);
  }

  receive(piece: Piece, port: Port): void {
    const { from, step, start, values } = piece;
    const [first, last] = this.#chunk(port.rank - step - 1);
    const awaited = this.#awaited[step];
    const end = start + values.length;
    if (
      awaited === undefined || from !== this.sources[0] ||
      start < first || end > last || values.length > awaited
    ) throw unexpected(this.name, piece);
    const target = this.buffer;
    if (step < this.#options.sums) {
      for (let i = 0; i < values.length; i++) target[start + i]! += values[i]!;
    } else {
      target.set(values, start);
    }
    this.#awaited[step] = awaited - values.length;
    this.#remaining -= values.length;
    if (step + 1 < this.#options.steps) {
      port.send(wrap(port.rank + 1, this.#size), step + 1, start, end);
    }
  }

  #chunk(index: number): [number, number] {
    const { offsets } = this.#options;
    const chunk = wrap(index, this.#size);
    return [offsets[chunk]!, offsets[chunk + 1]!];
  }
}
