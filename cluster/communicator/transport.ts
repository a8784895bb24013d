import {
  APART,
  Channel,
  decodeFrame,
  encodeHead,
  FRAME,
  type FrameHead,
  HEAD_BYTES,
  type Link,
  type LinkCounts,
  type Parcel,
  type PartialHead,
  WINDOW_BYTES,
  type World,
} from "../links/mod.ts";
import { BLANK, decodeError, encodeError, NOTHING } from "./frames.ts";

/** What has gone wrong on the wire so far, and was made good. */
export interface TransportCounts extends LinkCounts {
  /** Frames of other runs, and what is no frame at all. */
  foreign: number;
  /** Frames of an earlier set of ranks. */
  stale: number;
  /** Frames with a wrong checksum. */
  corrupt: number;
  /** Frames sent again. */
  resent: number;
  /** Frames that had arrived before. */
  duplicate: number;
  /** Frames beyond the window or without room to wait. */
  refused: number;
}

export interface TransportOptions {
  link: Link;
  world: World;
  now: () => number;
  /** Takes data, each once, in any order; `false` refuses it for now. */
  deliver(head: FrameHead, payload: Uint8Array): boolean;
  /** Bytes of a rank that wait here for their call. */
  waiting(rank: number): number;
  /** Whether a rank is known to take a parcel at once: it needs no room to wait there. */
  isAwaited(rank: number, parcel: Parcel): boolean;
  onHeard(rank: number): void;
  onQuery(head: FrameHead, text: Uint8Array): void;
  onStatus(head: FrameHead): void;
  /** Another rank has failed and says why. */
  onAbort(error: Error): void;
}

/**
 * Frames to and from all other ranks. There is a channel for each that data goes to
 * or comes from: in a large world those are few.
 */
export class Transport {
  readonly #options: TransportOptions;
  readonly #channels = new Map<number, Channel>();
  readonly #head = new Uint8Array(HEAD_BYTES);
  readonly #faults = { foreign: 0, stale: 0, corrupt: 0 };
  #farewell: Uint8Array | undefined;
  #stopped = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  get counts(): TransportCounts {
    const counts = {
      ...this.#faults,
      ...this.#options.link.counts,
      resent: 0,
      duplicate: 0,
      refused: 0,
    };
    for (const channel of this.#channels.values()) {
      counts.resent += channel.counts.resent;
      counts.duplicate += channel.counts.duplicate;
      counts.refused += channel.counts.refused;
    }
    return counts;
  }

  listen(): void {
    this.#options.link.listen({
      onFrame: (bytes) => this.#onFrame(bytes),
      onRestored: () => {
        for (const channel of this.#channels.values()) channel.restore();
      },
    });
  }

  post(to: number, parcel: Parcel): void {
    if (to !== this.#options.link.rank) return this.#channel(to).send(parcel);
    // To itself: the memory is read before the sender may change it.
    const head = {
      ...BLANK,
      ...parcel,
      ...this.#options.world,
      kind: FRAME.data,
      from: to,
      to,
    };
    const payload = new Uint8Array(parcel.payload);
    queueMicrotask(() => {
      if (this.#stopped) return;
      this.#options.deliver(head, payload);
      parcel.arrived();
    });
  }

  query(
    to: number,
    { context, operation, text }: {
      context: number;
      operation: number;
      text: Uint8Array;
    },
  ): void {
    this.#transmit(to, FRAME.query, { ...BLANK, context, operation }, text);
  }

  status(
    to: number,
    { context, operation }: { context: number; operation: number },
  ): void {
    const head = { ...BLANK, context, operation };
    this.#transmit(to, FRAME.status, head, NOTHING);
  }

  /** A rank has begun a call: what it needs for it overtakes what has no credit. */
  overtake(rank: number): void {
    this.#channels.get(rank)?.overtake();
  }

  renewCredit(rank: number): void {
    this.#channels.get(rank)?.renewCredit();
  }

  tick(): void {
    for (const channel of this.#channels.values()) channel.tick();
  }

  /** Tells all others of the error, now and whenever they are heard of. */
  sayFarewell(error: Error): void {
    this.#farewell = encodeError(error);
    const { link } = this.#options;
    for (let to = 0; to < link.size; to++) {
      if (to !== link.rank) {
        this.#transmit(to, FRAME.abort, BLANK, this.#farewell);
      }
    }
  }

  /** Sends and takes nothing any more, but the reason. */
  stop(): void {
    this.#stopped = true;
    for (const channel of this.#channels.values()) channel.close();
  }

  #channel(rank: number): Channel {
    const known = this.#channels.get(rank);
    if (known !== undefined) return known;
    const channel = this.#open(rank);
    this.#channels.set(rank, channel);
    return channel;
  }

  #open(rank: number): Channel {
    return new Channel({
      now: this.#options.now,
      lanes: () => this.#options.link.lanes,
      windowBytes: () => {
        const { lanes, windowBytes = WINDOW_BYTES } = this.#options.link;
        return lanes * windowBytes;
      },
      transmit: (kind, lane, head, payload) =>
        this.#transmit(rank, kind, head, payload, lane),
      deliver: (head, payload) => this.#options.deliver(head, payload),
      waiting: () => this.#options.waiting(rank),
      isAwaited: (parcel) => this.#options.isAwaited(rank, parcel),
      ask: () => this.#transmit(rank, FRAME.query, BLANK, NOTHING),
    });
  }

  #transmit(
    to: number,
    kind: number,
    head: PartialHead,
    payload: Uint8Array,
    lane = APART,
  ): void {
    const { world, link } = this.#options;
    encodeHead(
      { ...head, ...world, kind, from: link.rank, to },
      payload,
      this.#head,
    );
    link.send(to, lane, this.#head, payload);
  }

  #onFrame(bytes: Uint8Array): void {
    if (this.#stopped && this.#farewell === undefined) return;
    const { world, link } = this.#options;
    const frame = decodeFrame(bytes, world, link.rank);
    if (typeof frame === "string") {
      this.#faults[frame]++;
      return;
    }
    const { head, payload } = frame;
    if (head.from === link.rank || head.from >= link.size) {
      this.#faults.foreign++;
      return;
    }
    if (this.#stopped) {
      if (head.kind !== FRAME.abort) {
        this.#transmit(head.from, FRAME.abort, BLANK, this.#farewell!);
      }
      return;
    }
    this.#options.onHeard(head.from);
    switch (head.kind) {
      case FRAME.data:
        return this.#channel(head.from).onData(head, payload);
      case FRAME.ack:
        return this.#channels.get(head.from)?.onAck(head, payload);
      case FRAME.query: {
        const channel = this.#channels.get(head.from);
        channel?.wake();
        channel?.renewCredit();
        return this.#options.onQuery(head, payload);
      }
      case FRAME.status:
        return this.#options.onStatus(head);
      case FRAME.abort: {
        const error = decodeError(payload);
        if (error !== undefined) return this.#options.onAbort(error);
      }
    }
    this.#faults.foreign++;
  }
}
