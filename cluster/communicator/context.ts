import type { FrameHead, Parcel } from "../links/mod.ts";
import type { Call } from "./call.ts";
import { Incoming } from "./incoming.ts";
import { Operation, type OperationOptions } from "./operation.ts";
import { Outgoing } from "./outgoing.ts";
import { PURPOSE } from "./purpose.ts";
import type { SegmentLimits } from "./segments.ts";

/** Calls whose descriptions are kept, to be compared with those of late ranks. */
const HISTORY = 256;

export interface ContextOptions extends SegmentLimits {
  id: number;
  /** Ranks of the whole world, in the order of their ranks here. */
  members: readonly number[];
  /** Machine of each member, as a number. */
  nodes: readonly number[];
  /** This rank among the members. */
  rank: number;
  now: () => number;
  /** Sends to a rank of the whole world. */
  post(to: number, parcel: Parcel): void;
}

/**
 * The communication of one communicator (MPI 4.1, section 7.1.2): calls numbered
 * in their order, and messages, apart from those of all other communicators.
 */
export class Context {
  readonly id: number;
  readonly members: readonly number[];
  /** Machine of each member, as a number. */
  nodes: readonly number[];
  readonly rank: number;
  readonly outgoing: Outgoing;
  readonly incoming: Incoming;
  readonly operations = new Map<number, Operation>();
  entered = 0;
  /** Why nothing works here any more. */
  failure: Error | undefined;
  readonly #options: ContextOptions;
  readonly #places: ReadonlyMap<number, number>;
  readonly #history = new Map<number, string>();

  constructor(options: ContextOptions) {
    this.#options = options;
    this.id = options.id;
    this.members = options.members;
    this.nodes = options.nodes;
    this.rank = options.rank;
    this.#places = new Map(options.members.map((rank, place) => [rank, place]));
    const common = {
      ...options,
      context: options.id,
      post: (to: number, parcel: Parcel) =>
        options.post(options.members[to]!, parcel),
    };
    this.outgoing = new Outgoing(common);
    this.incoming = new Incoming(common);
  }

  /** Rank here of a rank of the whole world. */
  placeOf(world: number): number | undefined {
    return this.#places.get(world);
  }

  /** Numbers a call; it has not begun yet. */
  enter<T>(
    call: Call<T>,
    rest: Pick<OperationOptions, "alone" | "early" | "failed" | "pool"> & {
      finished(operation: Operation): void;
    },
  ): Operation<T> {
    const { members, rank, post } = this.#options;
    const operation: Operation<T> = new Operation<T>(call, {
      ...this.#options,
      ...rest,
      rank,
      size: members.length,
      nodes: this.nodes,
      context: this.id,
      number: ++this.entered,
      post: (to, parcel) => post(members[to]!, parcel),
      finished: () => {
        this.operations.delete(operation.number);
        rest.finished(operation as Operation);
      },
    });
    this.operations.set(operation.number, operation as Operation);
    this.#history.set(operation.number, operation.description);
    this.#history.delete(operation.number - HISTORY);
    return operation;
  }

  /** The call with this number, if it is known still. */
  describe(number: number): string | undefined {
    return this.#history.get(number);
  }

  onMessage(from: number, head: FrameHead, payload: Uint8Array): void {
    switch (head.purpose) {
      case PURPOSE.message:
      case PURPOSE.offer:
        return this.incoming.onMessage(from, head, payload);
      case PURPOSE.accept:
        return this.outgoing.onAccept(from, head);
      case PURPOSE.body:
        return this.incoming.onBody(from, head, payload);
      case PURPOSE.consumed:
        return this.outgoing.onConsumed(from, head.total);
    }
  }

  fail(error: Error): void {
    this.failure ??= error;
    for (const operation of this.operations.values()) operation.reject(error);
    this.operations.clear();
    this.outgoing.fail(error);
    this.incoming.fail(error);
  }
}
