import type { Clock, Timers } from "../../src/env/mod.ts";
import {
  Channel,
  decodeFrame,
  encodeHead,
  FRAME,
  type FrameHead,
  HEAD_BYTES,
  type Link,
  type PartialHead,
  type World,
} from "../links/mod.ts";
import type { Collective } from "./collectives/mod.ts";
import type { Wait } from "./errors.ts";
import { Operation } from "./operation.ts";
import { WaitingRoom } from "./waiting_room.ts";
import { Watch } from "./watch.ts";

export interface ExchangeOptions {
  link: Link;
  world: World;
  env: { clock: Clock; timers: Timers };
  /** A collective without progress for this long is reported, once. */
  warnAfterMs: number;
  /** A collective without progress for this long fails. */
  deadlineMs: number;
  onWarning(wait: Wait): void;
  /** Fixed size of a segment, for tests. */
  segmentBytes?: number | undefined;
}

/** What has gone wrong on the wire so far, and was made good. */
export interface ExchangeCounts {
  foreign: number;
  stale: number;
  corrupt: number;
  resent: number;
  duplicate: number;
  refused: number;
}

const TICK_MS = 50;

/**
 * Runs the collectives of one rank over a link, in the order of the calls; the
 * k-th call of every rank is the same collective. Calls overlap in time, except
 * those on the same memory. After the first failure everything fails with its
 * error.
 */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #channels: (Channel | undefined)[];
  readonly #head = new Uint8Array(HEAD_BYTES);
  readonly #operations = new Map<number, Operation>();
  readonly #room = new WaitingRoom();
  readonly #watch: Watch;
  readonly #faults = { foreign: 0, stale: 0, corrupt: 0 };
  readonly #stopTicking: () => void;
  #entered = 0;
  #failure: Error | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { link, env } = options;
    this.#channels = Array.from(
      { length: link.size },
      (_, rank) => rank === link.rank ? undefined : this.#open(rank),
    );
    this.#watch = new Watch({
      ...options,
      rank: link.rank,
      size: link.size,
      now: () => env.clock.now(),
      ask: (rank) => this.#transmit(rank, FRAME.query, BLANK, NOTHING),
      fail: (error) => this.fail(error),
    });
    link.listen({
      onFrame: (bytes) => this.#onFrame(bytes),
      onRestored: () => {
        for (const channel of this.#channels) channel?.restore();
      },
    });
    this.#stopTicking = env.timers.every(
      Math.min(TICK_MS, options.warnAfterMs / 4),
      () => this.#tick(),
    );
    // Ranks that were here before may have sent in vain.
    this.#watch.askAll();
  }

  /** Collectives begun so far. */
  get entered(): number {
    return this.#entered;
  }

  get counts(): ExchangeCounts {
    const counts = { ...this.#faults, resent: 0, duplicate: 0, refused: 0 };
    for (const channel of this.#channels) {
      if (channel === undefined) continue;
      counts.resent += channel.counts.resent;
      counts.duplicate += channel.counts.duplicate;
      counts.refused += channel.counts.refused;
    }
    return counts;
  }

  /** Runs a collective; its buffer is in use until the promise settles. */
  run(collective: Collective): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const { link, env, segmentBytes } = this.#options;
    const operation = new Operation(collective, {
      rank: link.rank,
      size: link.size,
      number: ++this.#entered,
      maxPayload: link.maxFrame - HEAD_BYTES,
      segmentBytes,
      now: () => env.clock.now(),
      post: (to, parcel) => this.#channels[to]!.send(parcel),
      finished: ({ number }) => {
        this.#operations.delete(number);
        this.#watch.finished();
      },
    });
    const earlier = [...this.#operations.values()]
      .filter((other) => other.sharesMemory(operation))
      .map((other) => other.end);
    this.#operations.set(operation.number, operation);
    if (earlier.length === 0) this.#begin(operation);
    else Promise.allSettled(earlier).then(() => this.#begin(operation));
    return operation.end;
  }

  /** Rejects all that waits and all that comes. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#stopTicking();
    for (const channel of this.#channels) channel?.close();
    for (const operation of this.#operations.values()) operation.reject(error);
    this.#operations.clear();
  }

  async close(): Promise<void> {
    this.fail(new Error("Cannot run a collective: the communicator is closed"));
    await this.#options.link.close();
  }

  #begin(operation: Operation): void {
    if (this.#failure !== undefined) return;
    operation.begin();
    for (const { arrival, payload } of this.#room.take(operation.number)) {
      this.#give(operation, arrival, payload);
      this.#channels[arrival.from]!.renewCredit();
    }
  }

  #open(rank: number): Channel {
    return new Channel({
      now: () => this.#options.env.clock.now(),
      transmit: (kind, head, payload) =>
        this.#transmit(rank, kind, head, payload),
      deliver: (head, payload) => this.#deliver(head, payload),
      waiting: () => this.#room.bytesFrom(rank),
    });
  }

  #transmit(
    to: number,
    kind: number,
    head: PartialHead,
    payload: Uint8Array,
  ): void {
    const { world, link } = this.#options;
    encodeHead(
      { ...head, ...world, kind, from: link.rank },
      payload,
      this.#head,
    );
    link.send(to, this.#head, payload);
  }

  #onFrame(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return;
    const frame = decodeFrame(bytes, this.#options.world);
    if (typeof frame === "string") {
      this.#faults[frame]++;
      return;
    }
    const { head, payload } = frame;
    const channel = this.#channels[head.from];
    if (channel === undefined) {
      this.#faults.foreign++;
      return;
    }
    this.#watch.heard(head.from);
    if (head.kind === FRAME.data) {
      this.#watch.hasEntered(head.from, head.operation);
      channel.onData(head, payload);
    } else if (head.kind === FRAME.ack) {
      channel.onAck(head, payload);
    } else if (head.kind === FRAME.query) {
      channel.wake();
      const status = { ...BLANK, operation: this.#entered };
      this.#transmit(head.from, FRAME.status, status, NOTHING);
    } else if (head.kind === FRAME.status) {
      this.#watch.hasEntered(head.from, head.operation);
    } else {
      this.#faults.foreign++;
    }
  }

  #deliver(head: FrameHead, payload: Uint8Array): boolean {
    const operation = this.#operations.get(head.operation);
    if (operation?.begun) {
      this.#give(operation, head, payload);
      return true;
    }
    if (operation === undefined && head.operation <= this.#entered) {
      this.#faults.foreign++;
      return true;
    }
    return this.#room.keep(head.operation, {
      from: head.from,
      collective: head.collective,
      step: head.step,
      segment: head.segment,
      total: head.total,
    }, payload);
  }

  #give(
    operation: Operation,
    arrival: Parameters<Operation["receive"]>[0],
    payload: Uint8Array,
  ): void {
    try {
      operation.receive(arrival, payload);
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #tick(): void {
    for (const channel of this.#channels) channel?.tick();
    const oldest = this.#operations.values().next().value;
    if (oldest !== undefined) this.#watch.check(oldest);
  }
}

const NOTHING = new Uint8Array(0);
const BLANK: PartialHead = {
  collective: 0,
  attempt: 0,
  sequence: 0,
  operation: 0,
  step: 0,
  segment: 0,
  total: 0,
};
