import type { PartialHead } from "./frame.ts";

/** Data on its way to one rank. */
export interface Parcel extends Omit<PartialHead, "attempt" | "sequence"> {
  /** View of the live buffer. */
  payload: Uint8Array;
  /** The other rank has it: the buffer may change. */
  arrived(): void;
}

export interface Acknowledgement {
  /** Rises with each acknowledgement: an older one tells no news of credit. */
  order: number;
  /** All before this have arrived. */
  next: number;
  /** Highest transmission that has arrived. */
  echo: number;
  /** Bytes that the other rank has room for. */
  credit: number;
  /** Bit i: `next + i` has arrived. */
  bitmap: Uint8Array;
}

interface Sent {
  parcel: Parcel;
  sequence: number;
  /** Its first and its latest transmission: their numbers, and when they left. */
  first: number;
  firstAt: number;
  transmission: number;
  sentAt: number;
  /** Nothing had come from the other rank yet: it may not have listened. */
  early: boolean;
}

interface OutboxOptions {
  now: () => number;
  /** Frame s travels in lane s modulo this and overtakes only those of others. */
  lanes: () => number;
  windowBytes: () => number;
  windowFrames: number;
  /** The other rank takes a parcel at once: it needs no room to wait there. */
  isAwaited(parcel: Parcel): boolean;
  /** Asks the other rank to acknowledge what it has, and to tell its credit. */
  ask(): void;
  transmit(head: PartialHead, payload: Uint8Array): void;
}

/** Waiting times before a frame is sent again, in milliseconds. */
const SHORTEST_WAIT = 200;
const LONGEST_WAIT = 4000;
/** The same once a rank has come that may have missed it. */
const GREETED_WAIT = 20;
/** A link this slow is slow, not broken; bytes per millisecond. */
const SLOW = 10_000;
/** A frame overtaken by a later one counts as lost only when older than this. */
const OVERTAKEN_MS = 10;

/** The sending half of a channel: window, acknowledgements, resending. */
export class Outbox {
  /** Frames that were lost on their way to a rank that listened. */
  resent = 0;
  readonly #options: OutboxOptions;
  readonly #queue: Parcel[] = [];
  /** By sequence number, ascending. */
  readonly #flying = new Map<number, Sent>();
  #flyingBytes = 0;
  /** Highest transmission in each lane that is known to have arrived. */
  readonly #arrivals: number[] = [];
  #credit: number;
  #newestAck = 0;
  #sequence = 0;
  #transmission = 0;
  #heard = false;
  #greeted = false;
  #wait = SHORTEST_WAIT;
  /** Smoothed round trip, milliseconds. */
  #roundTrip = 0;
  #probedAt: number;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#credit = options.windowBytes();
    this.#probedAt = options.now();
  }

  send(parcel: Parcel): void {
    if (this.#queue.length > 0 && this.#mayOvertake(parcel)) {
      return this.#launch(parcel);
    }
    this.#queue.push(parcel);
    this.#pump();
  }

  /** The other rank may have come to where it takes what waits here. */
  overtake(): void {
    for (let i = 0; i < this.#queue.length; i++) {
      const parcel = this.#queue[i]!;
      if (!this.#fitsWindow(parcel)) return;
      if (!this.#mayOvertake(parcel)) continue;
      this.#queue.splice(i--, 1);
      this.#launch(parcel);
    }
  }

  onAck(ack: Acknowledgement): void {
    if (ack.order > this.#newestAck) {
      this.#newestAck = ack.order;
      this.#credit = ack.credit;
    }
    const now = this.#options.now();
    const lanes = this.#options.lanes();
    const arrived: Parcel[] = [];
    for (const [sequence, sent] of this.#flying) {
      if (!hasArrived(ack, sequence)) continue;
      if (sent.transmission === ack.echo) this.#measure(now - sent.sentAt);
      else if (sent.first === ack.echo) this.#measure(now - sent.firstAt);
      const lane = sequence % lanes;
      this.#arrivals[lane] = Math.max(this.#arrivals[lane] ?? 0, sent.first);
      this.#flying.delete(sequence);
      this.#flyingBytes -= sent.parcel.payload.length;
      arrived.push(sent.parcel);
    }
    if (arrived.length > 0) this.hurry();
    const old = now - Math.max(OVERTAKEN_MS, this.#roundTrip / 2);
    for (const sent of this.#flying.values()) {
      const arrival = this.#arrivals[sent.sequence % lanes] ?? 0;
      if (sent.transmission < arrival && sent.sentAt <= old) this.#resend(sent);
    }
    for (const parcel of arrived) parcel.arrived();
    this.#pump();
    this.overtake();
  }

  tick(): void {
    const now = this.#options.now();
    const oldest = this.#flying.values().next().value;
    if (oldest === undefined) {
      if (this.#queue.length === 0) return;
      // No credit and nothing on the way that would bring some: the news of it may be lost.
      if (now - this.#probedAt < this.#wait) return;
      this.#options.ask();
    } else {
      const wait = this.#wait + this.#flyingBytes / SLOW;
      if (now - Math.max(oldest.sentAt, this.#probedAt) < wait) return;
      this.#resend(oldest);
    }
    this.#probedAt = now;
    this.#wait = Math.min(
      this.#wait * 2,
      Math.max(LONGEST_WAIT, 3 * this.#roundTrip),
    );
  }

  /** Patience as the link deserves it, not as it has grown while nothing came back. */
  hurry(): void {
    this.#wait = Math.max(SHORTEST_WAIT, 3 * this.#roundTrip);
  }

  /** Something has come from the other rank. */
  hear(): void {
    this.#heard = true;
  }

  /**
   * The other rank asks for what it has missed. The first time it may have missed
   * all, though what did arrive may be acknowledged just now.
   */
  wake(): void {
    this.hurry();
    if (!this.#greeted) this.#wait = GREETED_WAIT;
    this.#greeted = true;
  }

  resendAll(): void {
    this.hurry();
    for (const sent of this.#flying.values()) this.#resend(sent);
    this.#pump();
  }

  clear(): void {
    this.#queue.length = 0;
    this.#flying.clear();
    this.#flyingBytes = 0;
  }

  #pump(): void {
    while (this.#queue.length > 0 && this.#mayLaunch(this.#queue[0]!)) {
      this.#launch(this.#queue.shift()!);
    }
  }

  #mayLaunch(parcel: Parcel): boolean {
    const bytes = this.#flyingBytes + parcel.payload.length;
    // What is larger than a window travels alone.
    const alone = this.#flying.size === 0 &&
      this.#credit >= this.#options.windowBytes();
    return this.#fitsWindow(parcel) && (bytes <= this.#credit || alone);
  }

  /**
   * What the other rank waits for must not wait behind what it has no room for:
   * it would never come to that.
   */
  #mayOvertake(parcel: Parcel): boolean {
    return this.#fitsWindow(parcel) && this.#options.isAwaited(parcel);
  }

  #fitsWindow({ payload }: Parcel): boolean {
    const oldest = this.#flying.values().next().value;
    const span = this.#sequence - (oldest?.sequence ?? this.#sequence);
    if (span >= this.#options.windowFrames - 1) return false;
    const bytes = this.#flyingBytes + payload.length;
    return this.#flying.size === 0 || bytes <= this.#options.windowBytes();
  }

  #launch(parcel: Parcel): void {
    const sent = {
      parcel,
      sequence: ++this.#sequence,
      first: this.#transmission + 1,
      firstAt: this.#options.now(),
      transmission: 0,
      sentAt: 0,
      early: !this.#heard,
    };
    this.#flying.set(sent.sequence, sent);
    this.#flyingBytes += parcel.payload.length;
    this.#transmit(sent);
  }

  #resend(sent: Sent): void {
    if (!sent.early) this.resent++;
    this.#transmit(sent);
  }

  #transmit(sent: Sent): void {
    sent.transmission = ++this.#transmission;
    sent.sentAt = this.#options.now();
    const { parcel } = sent;
    this.#options.transmit({
      purpose: parcel.purpose,
      operation: parcel.operation,
      step: parcel.step,
      segment: parcel.segment,
      total: parcel.total,
      context: parcel.context,
      signature: parcel.signature,
      sequence: sent.sequence,
      attempt: sent.transmission,
    }, parcel.payload);
  }

  #measure(ms: number): void {
    this.#roundTrip = this.#roundTrip === 0
      ? ms
      : this.#roundTrip + (ms - this.#roundTrip) / 8;
  }
}

function hasArrived(ack: Acknowledgement, sequence: number): boolean {
  if (sequence < ack.next) return true;
  const bit = sequence - ack.next;
  const byte = ack.bitmap[bit >>> 3];
  return byte !== undefined && (byte >>> (bit & 7) & 1) === 1;
}
