import type { FrameHead, Parcel } from "../links/mod.ts";
import { PURPOSE } from "./purpose.ts";
import { segmentBytesFor, type SegmentLimits } from "./segments.ts";

/** Longer messages wait at the sender until they are received. */
export const EAGER_MESSAGE = 16 * 1024;
/** Bytes of short messages to one rank that may wait at the receiver. */
const EAGER_QUOTA = 512 * 1024;

export interface OutgoingOptions extends SegmentLimits {
  context: number;
  now: () => number;
  post(to: number, parcel: Parcel): void;
}

interface Sending {
  to: number;
  number: number;
  tag: number;
  bytes: Uint8Array;
  movedAt: number;
  timeoutMs: number;
  end: PromiseWithResolvers<void>;
  /** What the receiver does not have yet, once it has taken the message. */
  readonly unarrived: Set<Parcel>;
}

/** Why a send did not end in time. */
export interface LateSend {
  to: number;
  tag: number;
  waitedMs: number;
  fail(error: Error): void;
}

/** The sending half of the messages from rank to rank. */
export class Outgoing {
  readonly #options: OutgoingOptions;
  readonly #numbers: number[] = [];
  readonly #eagerBytes: number[] = [];
  readonly #offered = new Map<string, Sending>();
  readonly #moving = new Set<Sending>();

  constructor(options: OutgoingOptions) {
    this.#options = options;
  }

  /**
   * Sends a message. Resolves when the receiver has taken it, or at least keeps
   * it; until then `bytes` is read.
   */
  send(
    to: number,
    { tag, code, bytes, timeoutMs, signal }: {
      tag: number;
      code: number;
      bytes: Uint8Array;
      timeoutMs: number;
      signal?: AbortSignal | undefined;
    },
  ): Promise<void> {
    const number = this.#numbers[to] = (this.#numbers[to] ?? 0) + 1;
    const total = bytes.length;
    const used = this.#eagerBytes[to] ?? 0;
    const isEager = total <= EAGER_MESSAGE && used + total <= EAGER_QUOTA;
    const sending: Sending = {
      to,
      number,
      tag,
      bytes: isEager ? new Uint8Array(bytes) : bytes,
      movedAt: this.#options.now(),
      timeoutMs,
      end: Promise.withResolvers<void>(),
      unarrived: new Set(),
    };
    this.#moving.add(sending);
    if (isEager) {
      this.#eagerBytes[to] = used + total;
      this.#post(sending, PURPOSE.message, code, 0, sending.bytes);
    } else {
      this.#offered.set(keyOf(to, number), sending);
      this.#options.post(to, {
        ...this.#head(sending, PURPOSE.offer, code),
        segment: 0,
        payload: NOTHING,
        arrived: () => {},
      });
    }
    if (signal !== undefined) this.#obey(signal, sending);
    return sending.end.promise;
  }

  onAccept(from: number, head: FrameHead): void {
    const key = keyOf(from, head.operation);
    const sending = this.#offered.get(key);
    if (sending === undefined) return;
    this.#offered.delete(key);
    const { bytes } = sending;
    const segment = segmentBytesFor(bytes.length, this.#options);
    let at = 0;
    do {
      const until = Math.min(at + segment, bytes.length);
      this.#post(sending, PURPOSE.body, 0, at, bytes.subarray(at, until));
      at = until;
    } while (at < bytes.length);
  }

  onConsumed(from: number, bytes: number): void {
    this.#eagerBytes[from] = Math.max(0, (this.#eagerBytes[from] ?? 0) - bytes);
  }

  /** Sends that have not moved for their time. */
  late(): LateSend[] {
    const now = this.#options.now();
    return [...this.#moving]
      .filter(({ movedAt, timeoutMs }) => now - movedAt >= timeoutMs)
      .map((sending) => ({
        to: sending.to,
        tag: sending.tag,
        waitedMs: now - sending.movedAt,
        fail: (error) => this.#giveUp(sending, error),
      }));
  }

  fail(error: Error): void {
    for (const { end } of this.#moving) end.reject(error);
    this.#moving.clear();
  }

  #head(sending: Sending, purpose: number, code: number) {
    return {
      purpose,
      context: this.#options.context,
      signature: code,
      operation: sending.number,
      step: sending.tag,
      total: sending.bytes.length,
    };
  }

  #post(
    sending: Sending,
    purpose: number,
    code: number,
    segment: number,
    payload: Uint8Array,
  ): void {
    const parcel: Parcel = {
      ...this.#head(sending, purpose, code),
      segment,
      payload,
      arrived: () => {
        sending.movedAt = this.#options.now();
        sending.unarrived.delete(parcel);
        if (sending.unarrived.size > 0) return;
        this.#moving.delete(sending);
        sending.end.resolve();
      },
    };
    sending.unarrived.add(parcel);
    this.#options.post(sending.to, parcel);
  }

  /**
   * The wait ends and the caller's memory is free; an offer still stands, and what
   * is on its way still arrives.
   */
  #giveUp(sending: Sending, error: unknown): void {
    if (this.#offered.has(keyOf(sending.to, sending.number))) {
      sending.bytes = new Uint8Array(sending.bytes);
    }
    for (const parcel of sending.unarrived) {
      parcel.payload = new Uint8Array(parcel.payload);
    }
    this.#moving.delete(sending);
    sending.end.reject(error);
  }

  /** Heeds the signal until the receiver takes the message: then it just ends. */
  #obey(signal: AbortSignal, sending: Sending): void {
    const abort = () => {
      if (this.#offered.has(keyOf(sending.to, sending.number))) {
        this.#giveUp(sending, signal.reason);
      }
    };
    signal.addEventListener("abort", abort, { once: true });
    const ignore = () => signal.removeEventListener("abort", abort);
    sending.end.promise.then(ignore, ignore);
  }
}

function keyOf(to: number, number: number): string {
  return `${to}/${number}`;
}

const NOTHING = new Uint8Array(0);
