/** What can be summed over ranks: f32, f16, or the bits of bf16. */
export type Summands =
  | Float32Array<SharedArrayBuffer>
  | Float16Array<SharedArrayBuffer>
  | Uint16Array<SharedArrayBuffer>;

/**
 * Blocks of 8-bit values: a group is 4 blocks of 32 values in 33 words, first the
 * exponents of the blocks, a byte each, then the values, 4 a word, lowest byte first.
 * A value v of a block with exponent e stands for v 2^(e - 133).
 */
export const BLOCKS = {
  groupValues: 128,
  groupWords: 33,
  /** Exponent of a block that met a value which is not finite: all of it is NaN. */
  notFinite: 255,
} as const;

/**
 * The other ranks, as training sees them: implemented by `cluster/`.
 *
 * Every rank makes the same calls in the same order. Buffers live in memory
 * shared with the thread that talks to the network.
 */
export interface Communicator {
  readonly rank: number;
  /** Number of ranks. */
  readonly size: number;
  /** Milliseconds of a message to where ranks meet and back, of late; absent where it is not measured. */
  readonly roundTripMs?: number;
  /** Absent where work is divided in advance. */
  readonly leases?: Leases;
  /** Memory that the collectives can work on; every rank asks for the same sizes in the same order. */
  allocate(length: number): Float32Array<SharedArrayBuffer>;
  /**
   * Sums over all ranks, in place, bit-identical on every rank. Narrow values are
   * added in f32 and rounded after each addition, to nearest, ties to even.
   */
  allReduce(buffer: Summands): Promise<void>;
  /**
   * Sums {@linkcode BLOCKS} over all ranks, in place, bit-identical on every rank:
   * added in f32 and rounded once. `carry` has 128 values a group and belongs to
   * these calls: rank r keeps there what rounding took from its part of the sums,
   * the groups `shareOf(groups, r, size)`, and adds it in the next call.
   */
  allReduceBlocks(
    blocks: Uint32Array<SharedArrayBuffer>,
    carry: Float32Array<SharedArrayBuffer>,
  ): Promise<void>;
  /**
   * Fills `buffer` on every rank: rank r contributes the elements
   * `[offsets[r], offsets[r + 1])`, where it wrote its own before the call.
   */
  allGather(
    buffer: Float32Array<SharedArrayBuffer>,
    offsets: readonly number[],
  ): Promise<void>;
  /** Copies the content of `root`'s buffer to all ranks. */
  broadcast(
    buffer: Float32Array<SharedArrayBuffer>,
    root: number,
  ): Promise<void>;
  /** Resolves when every rank has called it. */
  barrier(): Promise<void>;
}

/** Work that ranks take parts of as they get done with others: implemented by `cluster/`. */
export interface Leases {
  /** The ranks have met before, and may hold parts of what was interrupted. */
  readonly regrouped: boolean;
  /** Begins a piece of work; all ranks begin the same ones in the same order. */
  begin(parts: number): LeasedWork;
}

/** A piece of work in progress. */
export interface LeasedWork {
  /**
   * The parts `[start, end)` that this rank is to do next; none when all ranks are
   * done with theirs, or some are lost: then those that are left meet.
   */
  next(): Promise<[start: number, end: number] | undefined>;
}

/** One rank alone: every collective is the identity. */
export function soloCommunicator(): Communicator {
  return silentCommunicator(0, 1);
}

/** A rank of a world that is not there, for programs that are only recorded. */
export function silentCommunicator(rank: number, size: number): Communicator {
  const done = () => Promise.resolve();
  return {
    rank,
    size,
    allocate: (length) => new Float32Array(new SharedArrayBuffer(length * 4)),
    allReduce: done,
    allReduceBlocks: done,
    allGather: done,
    broadcast: done,
    barrier: done,
  };
}

/**
 * A rank of a world that is not there, for steps that are only timed: the others are
 * taken to hold what this one holds, and nobody is waited for. What it gathers are its
 * own rows, again and again; sums stay as they are.
 */
export function mirrorCommunicator(rank: number, size: number): Communicator {
  return {
    ...silentCommunicator(rank, size),
    allGather(buffer, offsets) {
      const own = buffer.subarray(offsets[rank]!, offsets[rank + 1]!);
      for (let other = 0; other < size; other++) {
        const end = offsets[other + 1]!;
        if (other === rank || own.length === 0) continue;
        for (let at = offsets[other]!; at < end; at += own.length) {
          buffer.set(own.subarray(0, end - at), at);
        }
      }
      return Promise.resolve();
    },
  };
}
