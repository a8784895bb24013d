import type { Call } from "./call.ts";
import type { Context } from "./context.ts";
import type { Exchange } from "./exchange.ts";
import { ANY_SOURCE } from "./envelope.ts";
import type { Algorithm } from "./selection.ts";

/** What a communicator is made of. */
export interface GroupOptions {
  exchange: Exchange;
  context: Context;
  /** How collectives are carried out. */
  algorithm: Algorithm;
  /** Name of the machine of each rank. */
  hosts: readonly string[];
}

/** Ends a call early. */
export interface CallOptions {
  /**
   * Aborts the call. A collective cannot be taken back: when one rank aborts it,
   * all ranks fail.
   */
  signal?: AbortSignal;
}

/** A group of ranks: what all calls of a communicator need. */
export class Group {
  /** This process within the group, from 0 on (`MPI_Comm_rank`). */
  readonly rank: number;
  /** Number of ranks (`MPI_Comm_size`). */
  readonly size: number;
  /** Name of the machine of each rank. */
  readonly hosts: readonly string[];
  /** This process among those of the group on the same machine. */
  readonly localRank: number;
  /** @ignore */
  protected readonly parts: GroupOptions;

  constructor(options: GroupOptions) {
    const { context, hosts } = options;
    this.parts = options;
    this.rank = context.rank;
    this.size = context.members.length;
    this.hosts = hosts;
    this.localRank = hosts.slice(0, this.rank)
      .filter((host) => host === hosts[this.rank]).length;
  }

  /** Name of this rank's machine. */
  get host(): string {
    return this.hosts[this.rank]!;
  }

  /** @ignore */
  protected async call<T>(
    call: Omit<Call<T>, "signal">,
    { signal }: CallOptions,
  ): Promise<T> {
    signal?.throwIfAborted();
    const { exchange, context } = this.parts;
    return await exchange.run(context, { ...call, signal });
  }

  /** @ignore */
  protected checkRank(what: string, rank: number, { any = false } = {}): void {
    if (any && rank === ANY_SOURCE) return;
    if (Number.isInteger(rank) && rank >= 0 && rank < this.size) return;
    throw new RangeError(
      `Cannot ${what} rank ${rank}: there are ${this.size} ranks`,
    );
  }
}
