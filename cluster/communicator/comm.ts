import { calls } from "./calls.ts";
import { GlobalReductions } from "./global_reductions.ts";
import type { CallOptions, GroupOptions } from "./group.ts";

/**
 * A communicator: numbered ranks that exchange messages and take part in
 * collectives, apart from all other communicators (MPI 4.1, chapter 7).
 *
 * Every call has a deadline. A collective that one rank never enters, or enters
 * with other types, lengths, roots or in another order, fails on all ranks with
 * an error that names ranks and calls; after that the communicator and all that
 * came from it are dead.
 *
 * @example Three ranks in one process
 * ```ts
 * import { runRanks } from "@signet/signet";
 * import { deepStrictEqual, strictEqual } from "node:assert";
 *
 * await runRanks(3, async (comm) => {
 *   const sum = await comm.allReduce(Float32Array.of(comm.rank, 1));
 *   deepStrictEqual([...sum], [3, 3]);
 *   const next = (comm.rank + 1) % comm.size;
 *   const { data, source } = await comm.sendRecv({ from: comm.rank }, {
 *     to: next,
 *   });
 *   deepStrictEqual(data, { from: source });
 *   const half = await comm.split(comm.rank % 2);
 *   strictEqual(half?.size, comm.rank === 1 ? 1 : 2);
 * });
 * ```
 */
export class Comm extends GlobalReductions implements AsyncDisposable {
  readonly #finalize: () => Promise<void>;

  /** Use {@linkcode init} or {@linkcode runRanks}. */
  constructor(
    options: GroupOptions,
    finalize: () => Promise<void> = () => Promise.resolve(),
  ) {
    super(options);
    this.#finalize = finalize;
  }

  /**
   * Divides the ranks into communicators, one for each `color`
   * (`MPI_Comm_split`). Within one the ranks are ordered by `key`, then by their
   * rank here. With the color `undefined` a rank belongs to none.
   */
  async split(
    color: number | undefined,
    { key = this.rank, ...options }: CallOptions & { key?: number } = {},
  ): Promise<Comm | undefined> {
    if (
      color !== undefined && !Number.isSafeInteger(color) ||
      !Number.isFinite(key)
    ) {
      throw new RangeError(
        `Cannot split by color ${color} and key ${key}: whole numbers are needed`,
      );
    }
    const { exchange, context } = this.parts;
    // A number that no rank here has used for a communicator.
    const free = exchange.nextContext;
    const all = await this.allGather(
      { color: color ?? null, key, free },
      options,
    );
    const id = Math.max(...all.map(({ free }) => free));
    exchange.nextContext = id + 1;
    if (color === undefined) return undefined;
    const group = all.map((choice, rank) => ({ ...choice, rank }))
      .filter((choice) => choice.color === color)
      .sort((a, b) => a.key - b.key || a.rank - b.rank);
    return new Comm({
      ...this.parts,
      context: exchange.open({
        id,
        members: group.map(({ rank }) => context.members[rank]!),
      }),
      hosts: group.map(({ rank }) => this.hosts[rank]!),
    });
  }

  /** The same ranks with messages and calls of their own (`MPI_Comm_dup`). */
  async duplicate(options: CallOptions = {}): Promise<Comm> {
    return (await this.split(0, options))!;
  }

  /** The ranks of each machine among themselves (`MPI_COMM_TYPE_SHARED`). */
  async splitByHost(options: CallOptions = {}): Promise<Comm> {
    return (await this.split(this.hosts.indexOf(this.host), options))!;
  }

  /**
   * Waits for all ranks and leaves (`MPI_Finalize`, `MPI_Comm_free`): of the
   * whole world, its connection is closed, so that the process can end.
   *
   * @throws If another rank does something else or does not come in time.
   */
  async finalize(): Promise<void> {
    try {
      if (this.parts.context.failure === undefined) await this.#meet();
    } finally {
      await this.#leave();
    }
  }

  /**
   * Leaves at the end of `await using`, also after an error: the others are given
   * a second to come, then they fail, if they still expect something.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const { exchange, context } = this.parts;
    if (context.failure === undefined && context === exchange.world) {
      // Why this rank leaves is told by its own error, if there is one.
      await exchange.within(LAST_WAIT_MS, this.#meet().catch(() => {}));
    }
    await this.#leave();
  }

  /** A barrier under a name of its own, for the errors of those who do not come. */
  #meet(): Promise<void> {
    return this.call({ ...calls.barrier(), name: "finalize" }, {});
  }

  async #leave(): Promise<void> {
    const { exchange, context } = this.parts;
    if (context === exchange.world) await this.#finalize();
    else exchange.release(context);
  }
}

const LAST_WAIT_MS = 1000;
