import type { Clock, Timers } from "../../src/env/mod.ts";
import {
  type FrameHead,
  HEAD_BYTES,
  type Link,
  type World,
} from "../links/mod.ts";
import type { Call } from "./call.ts";
import { CallCheck } from "./call_check.ts";
import { Context } from "./context.ts";
import { RankFailedError, type Wait } from "./errors.ts";
import { encodeText } from "./frames.ts";
import { nameOf, type Operation } from "./operation.ts";
import { PURPOSE } from "./purpose.ts";
import { ScratchPool } from "./scratch_pool.ts";
import { Transport, type TransportCounts } from "./transport.ts";
import { ROOM, type Spot, WaitingRoom } from "./waiting_room.ts";
import { Watch } from "./watch.ts";

export interface ExchangeOptions {
  link: Link;
  world: World;
  env: { clock: Clock; timers: Timers };
  /** A call without progress for this long is reported, once. */
  warnAfterMs: number;
  /** A call without progress for this long fails. */
  deadlineMs: number;
  onWarning(wait: Wait): void;
  /** Machine of each rank, as a number; by default one for all. */
  nodes?: readonly number[] | undefined;
  /** Fixed size of a segment, for tests. */
  segmentBytes?: number | undefined;
}

const TICK_MS = 50;
/** Bytes from one rank that wait for calls to begin, from which on it may lack credit. */
const MUCH = ROOM / 16;
/** Calls that have begun take what waits for them in time: they may fill up a window more. */
const ROOM_WITHIN_CALLS = 2 * ROOM;

/**
 * Runs the calls of one rank over a link. Within a context the k-th call of every
 * rank is the same one. Calls overlap in time, except those on the same memory.
 * After the first failure everything fails with its error.
 */
export class Exchange {
  readonly world: Context;
  /** Smallest number for a context that this rank has not used. */
  nextContext = 1;
  readonly #options: ExchangeOptions;
  readonly #transport: Transport;
  readonly #contexts = new Map<number, Context>();
  /** Calls made in each context that is no more. */
  readonly #released = new Map<number, number>();
  readonly #room = new WaitingRoom();
  readonly #pool = new ScratchPool();
  readonly #watch: Watch;
  readonly #stopTicking: () => void;
  /** Running operations, oldest first. */
  readonly #running = new Map<Operation, Context>();
  readonly #check: CallCheck;
  #failure: Error | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { link, env } = options;
    const now = () => env.clock.now();
    this.#transport = new Transport({
      ...options,
      now,
      deliver: (head, payload) => this.#deliver(head, payload),
      waiting: (rank) => this.#room.bytesFrom(rank),
      onQuery: (head, text) => this.#onQuery(head, text),
      // Messages have a credit of their own.
      isAwaited: (rank, { purpose, context, operation }) =>
        (purpose !== PURPOSE.call && purpose !== PURPOSE.ready) ||
        this.#watch.entered(rank, context) >= operation,
      onStatus: ({ from, context, operation }) =>
        this.#noteEntered(from, context, operation),
      onAbort: (error) => this.fail(error),
      onHeard: (rank) => this.#watch.heard(rank),
    });
    this.#check = new CallCheck({
      rank: link.rank,
      query: (to, about) => this.#transport.query(to, about),
      fail: (error) => this.#abort(error),
    });
    this.#watch = new Watch({
      ...options,
      rank: link.rank,
      size: link.size,
      now,
      ask: (rank, context, operation) =>
        this.#transport.query(rank, {
          context: context?.id ?? 0,
          operation: operation?.number ?? 0,
          text: encodeText(operation?.description ?? ""),
        }),
      fail: (error) => this.fail(error),
    });
    const everyone = Array.from({ length: link.size }, (_, rank) => rank);
    this.world = this.open({ id: 0, members: everyone });
    this.#stopTicking = env.timers.every(
      Math.min(TICK_MS, options.warnAfterMs / 4),
      () => this.#tick(),
    );
    this.#transport.listen();
    this.#watch.greet();
  }

  /** Calls begun so far by all ranks together. */
  get entered(): number {
    return this.world.entered;
  }

  /** Up to here all-reduce goes along a tree, in bytes, if the link knows. */
  get treeBytes(): number | undefined {
    return this.#options.link.treeBytes;
  }

  get counts(): TransportCounts {
    return this.#transport.counts;
  }

  /** Where a wait for a message ends, unless its caller says otherwise. */
  get deadlineMs(): number {
    return this.#options.deadlineMs;
  }

  /** Opens a context whose number no rank of it has used before. */
  open({ id, members }: { id: number; members: readonly number[] }): Context {
    const { link, env, nodes, segmentBytes } = this.#options;
    const context = new Context({
      id,
      members,
      nodes: members.map((rank) =>
        this.#contexts.get(0)?.nodes[rank] ?? nodes?.[rank] ?? 0
      ),
      rank: members.indexOf(link.rank),
      maxPayload: link.maxFrame - HEAD_BYTES,
      usefulPayload: () => link.usefulFrame - HEAD_BYTES,
      segmentBytes,
      now: () => env.clock.now(),
      post: (to, parcel) => this.#transport.post(to, parcel),
    });
    this.#contexts.set(id, context);
    for (const { head, payload } of this.#room.take(messagesOf(id))) {
      context.onMessage(context.placeOf(head.from)!, head, payload);
    }
    return context;
  }

  /** Ends a context; what comes for it is dropped. */
  release(context: Context): void {
    context.fail(new Error("Cannot go on: the communicator was freed"));
    for (const [operation, its] of this.#running) {
      if (its === context) this.#running.delete(operation);
    }
    this.#contexts.delete(context.id);
    this.#room.dropAll(`${context.id}:`);
    this.#released.set(context.id, context.entered);
    this.#watch.forget(context);
  }

  /** Contexts that are in use. */
  get inUse(): number {
    return this.#contexts.size;
  }

  /** Runs a collective; its memory is in use until the promise settles. */
  run<T>(context: Context, call: Call<T>): Promise<T> {
    const failure = this.#failure ?? context.failure;
    if (failure !== undefined) return Promise.reject(failure);
    const name = callName(context.id, context.entered + 1);
    const operation: Operation<T> = context.enter(call, {
      pool: this.#pool,
      alone: () => this.#running.size === 1,
      early: (from, step) => {
        const message = nameOf(context.members[from]!, step);
        const entries = this.#room.take({ call: name, message });
        for (const { head } of entries) this.#transport.renewCredit(head.from);
        // What belongs to another call is of no use here.
        return entries.filter(({ head }) =>
          head.signature === operation.signature
        );
      },
      finished: (operation) => {
        this.#running.delete(operation);
        // Word that nobody had to wait for.
        this.#room.drop(name);
        this.#watch.finished();
      },
      failed: (error) =>
        this.#abort(error instanceof Error ? error : new Error(String(error))),
    });
    this.#check.enter(context, operation.number);
    this.#tellThoseWithoutCredit(context);
    const earlier = [...this.#running.keys()]
      .filter((other) => other.sharesMemory(operation as Operation))
      .map((other) => other.end);
    this.#running.set(operation as Operation, context);
    const begin = () => {
      if (this.#running.has(operation as Operation)) operation.begin();
    };
    if (earlier.length === 0) begin();
    else Promise.allSettled(earlier).then(begin);
    if (call.signal !== undefined) {
      this.#obey(call.signal, operation as Operation);
    }
    return operation.end;
  }

  /** Waits for a promise that never rejects, but not for longer than `ms`. */
  async within(ms: number, promise: Promise<void>): Promise<void> {
    const time = Promise.withResolvers<void>();
    const cancel = this.#options.env.timers.after(ms, time.resolve);
    await Promise.race([promise, time.promise]);
    cancel();
  }

  /** Rejects all that waits and all that comes. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#stopTicking();
    this.#transport.stop();
    for (const context of this.#contexts.values()) context.fail(error);
    this.#running.clear();
  }

  async close(): Promise<void> {
    this.fail(new Error("Cannot run a collective: the communicator is closed"));
    await this.#options.link.close();
  }

  /** Fails, and all other ranks with it. */
  #abort(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#transport.sayFarewell(error);
    this.fail(error);
  }

  #deliver(head: FrameHead, payload: Uint8Array): boolean {
    if (this.#released.has(head.context)) return true;
    const context = this.#contexts.get(head.context);
    const from = context?.placeOf(head.from);
    // Not for us, or no more.
    if (context !== undefined && from === undefined) return true;
    if (context?.failure !== undefined) return true;
    if (head.purpose !== PURPOSE.call && head.purpose !== PURPOSE.ready) {
      if (context === undefined) {
        const messages = messagesOf(head.context);
        return this.#room.keep(messages, { head, payload }, ROOM);
      }
      this.#attempt(() => context.onMessage(from!, head, payload));
      return true;
    }
    this.#noteEntered(head.from, head.context, head.operation);
    const isReady = head.purpose === PURPOSE.ready;
    if (context !== undefined && head.operation <= context.entered) {
      const operation = context.operations.get(head.operation);
      if (!this.#check.matches(context, head)) return false;
      if (operation === undefined) return true;
      if (operation.begun) {
        const taken = this.#attempt(() =>
          operation.arrive(from!, head, payload)
        );
        if (taken !== false) return true;
      }
    }
    const spot = {
      call: callName(head.context, head.operation),
      message: nameOf(head.from, isReady ? "ready" : head.step),
    };
    const isEarly = head.operation > (context?.entered ?? 0);
    const room = isEarly ? ROOM : ROOM_WITHIN_CALLS;
    if (!this.#room.keep(spot, { head, payload }, room)) return false;
    if (isEarly) this.#check.keep(head);
    return true;
  }

  /** A rank has made a call: what waits here for it may go. */
  #noteEntered(rank: number, context: number, operation: number): void {
    if (this.#watch.hasEntered(rank, context, operation)) {
      this.#transport.overtake(rank);
    }
  }

  /**
   * Tells how far this rank has come to those who have sent much ahead of it: what
   * it needs now may wait there, behind what it has no room for.
   */
  #tellThoseWithoutCredit({ id, members, entered }: Context): void {
    for (const rank of members) {
      if (this.#room.bytesFrom(rank) < MUCH) continue;
      this.#transport.status(rank, { context: id, operation: entered });
    }
  }

  /** Another rank asks how far this one has come, and tells its call. */
  #onQuery(head: FrameHead, text: Uint8Array): void {
    const context = this.#contexts.get(head.context);
    this.#transport.status(head.from, {
      context: head.context,
      operation: context?.entered ?? this.#released.get(head.context) ?? 0,
    });
    this.#check.onQuery(context, head, text);
  }

  #attempt<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      this.#abort(error instanceof Error ? error : new Error(String(error)));
      return undefined;
    }
  }

  #obey(signal: AbortSignal, operation: Operation): void {
    const abort = () => {
      if (this.#running.has(operation)) {
        operation.reject(signal.reason);
        const { rank } = this.#options.link;
        const reason = `it aborted ${operation.title}: ${
          signal.reason instanceof Error ? signal.reason.message : signal.reason
        }`;
        this.#abort(new RankFailedError(reason, rank));
      }
    };
    signal.addEventListener("abort", abort, { once: true });
    const ignore = () => signal.removeEventListener("abort", abort);
    operation.end.then(ignore, ignore);
  }

  #tick(): void {
    this.#transport.tick();
    this.#check.tick();
    const [oldest] = this.#running;
    if (oldest !== undefined) this.#watch.check(oldest[1], oldest[0]);
    for (const context of this.#contexts.values()) {
      this.#watch.checkMessages(context);
    }
  }
}

/** A call's name in the waiting room. */
function callName(
  context: number,
  operation: number | "messages",
): string {
  return `${context}:${operation}`;
}

/** Where messages from rank to rank wait for their communicator. */
function messagesOf(context: number): Spot {
  return { call: callName(context, "messages"), message: "" };
}
