import type { FrameHead, Parcel } from "../links/mod.ts";
import type { TypedArray } from "./elements.ts";
import {
  describePattern,
  type Envelope,
  envelopeOf,
  matches,
  type Pattern,
} from "./envelope.ts";
import { MessageLanding, misfit } from "./message_landing.ts";
import { PURPOSE } from "./purpose.ts";

/** Consumed bytes are reported in lots, not one by one. */
const CONSUMED_LOT = 64 * 1024;

export interface IncomingOptions {
  context: number;
  now: () => number;
  post(to: number, parcel: Parcel): void;
}

/** A message that nobody has received yet. */
interface Waiting {
  envelope: Envelope;
  number: number;
  total: number;
  /** Content of a short message; `undefined` for one that is only offered. */
  payload: Uint8Array | undefined;
}

/** A receive or probe that waits. */
interface Posted {
  pattern: Pattern;
  probe: boolean;
  into: TypedArray | undefined;
  movedAt: number;
  timeoutMs: number;
  landing: MessageLanding | undefined;
  end: PromiseWithResolvers<Received>;
}

export interface Received {
  envelope: Envelope;
  /** Empty for a probe. */
  bytes: Uint8Array;
}

/** A receive or probe that has waited too long. */
export interface LateReceive {
  name: string;
  pattern: Pattern;
  waitedMs: number;
  fail(error: Error): void;
}

/** The receiving half of the messages from rank to rank. */
export class Incoming {
  readonly #options: IncomingOptions;
  /** In the order of their coming; that of one sender is the order of sending. */
  readonly #waiting: Waiting[] = [];
  readonly #posted = new Set<Posted>();
  readonly #expected: number[] = [];
  readonly #overtaking = new Map<string, Waiting>();
  readonly #bodies = new Map<string, Posted>();
  readonly #consumed: number[] = [];

  constructor(options: IncomingOptions) {
    this.#options = options;
  }

  receive(
    pattern: Pattern,
    { into, probe = false, timeoutMs, signal }: {
      into?: TypedArray | undefined;
      probe?: boolean;
      timeoutMs: number;
      signal?: AbortSignal | undefined;
    },
  ): Promise<Received> {
    const posted: Posted = {
      pattern,
      probe,
      into,
      movedAt: this.#options.now(),
      timeoutMs,
      landing: undefined,
      end: Promise.withResolvers<Received>(),
    };
    this.#posted.add(posted);
    if (signal !== undefined) this.#obey(signal, posted);
    this.#match();
    return posted.end.promise;
  }

  /** The first message that fits, if one is here. */
  peek(pattern: Pattern): Envelope | undefined {
    return this.#waiting.find(({ envelope }) => matches(pattern, envelope))
      ?.envelope;
  }

  onMessage(from: number, head: FrameHead, payload: Uint8Array): void {
    const isOffer = head.purpose === PURPOSE.offer;
    this.#arrive({
      envelope: envelopeOf(from, head.step, head.signature, head.total),
      number: head.operation,
      total: head.total,
      payload: isOffer ? undefined : new Uint8Array(payload),
    });
  }

  onBody(from: number, head: FrameHead, payload: Uint8Array): void {
    const key = `${from}/${head.operation}`;
    const posted = this.#bodies.get(key);
    if (posted?.landing === undefined) return;
    posted.movedAt = this.#options.now();
    posted.landing.take(head, payload);
    if (posted.landing.complete) this.#bodies.delete(key);
  }

  late(): LateReceive[] {
    const now = this.#options.now();
    return [...this.#posted]
      .filter(({ movedAt, timeoutMs }) => now - movedAt >= timeoutMs)
      .map((posted) => ({
        name: `${posted.probe ? "probe" : "receive"} ${
          describePattern(posted.pattern)
        }`,
        pattern: posted.pattern,
        waitedMs: now - posted.movedAt,
        fail: (error) => this.#giveUp(posted, error),
      }));
  }

  fail(error: Error): void {
    for (const { end } of this.#posted) end.reject(error);
    this.#posted.clear();
  }

  /** Messages may overtake each other on the way; here they get their order back. */
  #arrive(message: Waiting): void {
    const from = message.envelope.source;
    this.#overtaking.set(`${from}/${message.number}`, message);
    let next = this.#expected[from] ?? 1;
    for (;; next++) {
      const key = `${from}/${next}`;
      const due = this.#overtaking.get(key);
      if (due === undefined) break;
      this.#overtaking.delete(key);
      this.#waiting.push(due);
    }
    this.#expected[from] = next;
    this.#match();
  }

  #match(): void {
    for (const posted of this.#posted) {
      if (posted.landing !== undefined) continue;
      const at = this.#waiting.findIndex(({ envelope }) =>
        matches(posted.pattern, envelope)
      );
      if (at < 0) continue;
      const message = this.#waiting[at]!;
      if (posted.probe) {
        this.#posted.delete(posted);
        posted.end.resolve({ envelope: message.envelope, bytes: NOTHING });
      } else {
        this.#waiting.splice(at, 1);
        this.#take(posted, message);
      }
    }
  }

  #take(posted: Posted, message: Waiting): void {
    const { envelope, number, total, payload } = message;
    const { source, tag } = envelope;
    const problem = misfit(posted.into, envelope);
    const landing = new MessageLanding(
      problem === undefined ? posted.into : undefined,
    );
    posted.landing = landing;
    posted.movedAt = this.#options.now();
    landing.done.then(() => {
      this.#posted.delete(posted);
      if (problem === undefined) {
        posted.end.resolve({ envelope, bytes: landing.bytes });
      } else posted.end.reject(problem);
    });
    if (payload !== undefined) {
      landing.take({ segment: 0, total }, payload);
      this.#consume(source, total);
      return;
    }
    this.#bodies.set(`${source}/${number}`, posted);
    this.#post(source, PURPOSE.accept, { operation: number, step: tag });
  }

  #consume(from: number, bytes: number): void {
    const consumed = (this.#consumed[from] ?? 0) + bytes;
    const isLot = consumed >= CONSUMED_LOT;
    this.#consumed[from] = isLot ? 0 : consumed;
    if (isLot) this.#post(from, PURPOSE.consumed, { total: consumed });
  }

  #post(to: number, purpose: number, head: Partial<Parcel>): void {
    this.#options.post(to, {
      purpose,
      context: this.#options.context,
      signature: 0,
      operation: 0,
      step: 0,
      segment: 0,
      total: 0,
      payload: NOTHING,
      arrived: () => {},
      ...head,
    });
  }

  #giveUp(posted: Posted, reason: unknown): void {
    this.#posted.delete(posted);
    // A message that is coming in already is lost with its receive.
    posted.landing?.leave();
    posted.end.reject(reason);
  }

  #obey(signal: AbortSignal, posted: Posted): void {
    const abort = () => {
      if (this.#posted.has(posted)) this.#giveUp(posted, signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    const ignore = () => signal.removeEventListener("abort", abort);
    posted.end.promise.then(ignore, ignore);
  }
}

const NOTHING = new Uint8Array(0);
