import { FRAME, type FrameHead, type PartialHead } from "./frame.ts";
import { APART } from "./link.ts";
import { Outbox, type Parcel } from "./outbox.ts";
import { Inbox } from "./inbox.ts";

/** Bytes on the way to one rank in a lane: fits the buffers of sockets and server. */
export const WINDOW_BYTES = 4 * 1024 * 1024;
/** Frames on the way to one rank: the acknowledgement has a bit for each. */
export const WINDOW_FRAMES = 256;

export interface ChannelOptions {
  now: () => number;
  /** Lanes of the link: a frame stays in the lane of its sequence number. */
  lanes: () => number;
  /** Bytes on the way to the other rank, over all lanes. */
  windowBytes: () => number;
  /** Puts a frame on a lane of the link. */
  transmit(
    kind: number,
    lane: number,
    head: PartialHead,
    payload: Uint8Array,
  ): void;
  /**
   * Takes a frame's data, each exactly once, in any order. `false` refuses it:
   * it will come again.
   */
  deliver(head: FrameHead, payload: Uint8Array): boolean;
  /** Bytes that wait here for an operation to begin. */
  waiting: () => number;
  /** The other rank takes a parcel at once: it needs no room to wait there. */
  isAwaited(parcel: Parcel): boolean;
  /** Has the other rank acknowledge what it has. */
  ask(): void;
}

export interface ChannelCounts {
  /** Frames sent again. */
  resent: number;
  /** Frames that had arrived before. */
  duplicate: number;
  /** Frames beyond the window or without room to wait. */
  refused: number;
}

const NOTHING = new Uint8Array(0);

/**
 * Exactly-once delivery to and from one other rank over a link that loses,
 * repeats and reorders.
 *
 * Frames are numbered. Acknowledgements carry the first number missing, a bit
 * for each later one, and a credit in bytes. What is missing is sent again from
 * the buffer it was first sent from, so nothing is kept in copy.
 */
export class Channel {
  readonly #options: ChannelOptions;
  readonly #outbox: Outbox;
  readonly #inbox = new Inbox(WINDOW_FRAMES);
  readonly #bitmap = new Uint8Array(WINDOW_FRAMES / 8);
  #acknowledgements = 0;
  #ackScheduled = false;
  #refused = 0;
  #closed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#outbox = new Outbox({
      now: options.now,
      lanes: options.lanes,
      windowBytes: options.windowBytes,
      windowFrames: WINDOW_FRAMES,
      isAwaited: options.isAwaited,
      ask: options.ask,
      transmit: (head, payload) =>
        options.transmit(FRAME.data, head.sequence, head, payload),
    });
  }

  get counts(): ChannelCounts {
    return {
      resent: this.#outbox.resent,
      duplicate: this.#inbox.duplicates,
      refused: this.#refused,
    };
  }

  /** Sends data; `parcel.payload` must stay as it is until `parcel.arrived` is called. */
  send(parcel: Parcel): void {
    this.#outbox.send(parcel);
  }

  onData(head: FrameHead, payload: Uint8Array): void {
    this.#outbox.hear();
    if (this.#inbox.isNew(head.sequence)) {
      if (
        !this.#inbox.fits(head.sequence) ||
        !this.#options.deliver(head, payload)
      ) {
        this.#refused++;
        this.#scheduleAck();
        return;
      }
      this.#inbox.record(head.sequence);
    } else {
      this.#inbox.duplicates++;
    }
    this.#inbox.heard(head.attempt);
    this.#scheduleAck();
  }

  onAck(head: FrameHead, bitmap: Uint8Array): void {
    this.#outbox.hear();
    this.#outbox.onAck({
      order: head.sequence,
      next: head.operation,
      echo: head.attempt,
      credit: head.segment,
      bitmap,
    });
  }

  /** The link lost what was on the way. */
  restore(): void {
    this.#outbox.resendAll();
    this.#scheduleAck();
  }

  /** Sends again what has waited too long. */
  tick(): void {
    this.#outbox.tick();
  }

  /** Tells the other rank of room that has become free. */
  renewCredit(): void {
    this.#scheduleAck();
  }

  /** The other rank has begun an operation: parcels for it need no credit. */
  overtake(): void {
    this.#outbox.overtake();
  }

  /** The other rank has just come, or come back: what it missed goes out soon. */
  wake(): void {
    this.#outbox.hear();
    this.#outbox.wake();
  }

  /** Acknowledges what has arrived, the last time. */
  close(): void {
    if (this.#ackScheduled) this.#acknowledge();
    this.#closed = true;
    this.#outbox.clear();
  }

  /** One acknowledgement for all frames that arrive in one turn of the event loop. */
  #scheduleAck(): void {
    if (this.#ackScheduled) return;
    this.#ackScheduled = true;
    queueMicrotask(() => {
      this.#ackScheduled = false;
      if (!this.#closed) this.#acknowledge();
    });
  }

  #acknowledge(): void {
    const { next, echo } = this.#inbox;
    this.#inbox.writeBitmap(this.#bitmap);
    const anySet = this.#bitmap.some((byte) => byte !== 0);
    this.#options.transmit(FRAME.ack, APART, {
      purpose: 0,
      attempt: echo,
      sequence: ++this.#acknowledgements,
      operation: next,
      step: 0,
      segment: Math.max(
        0,
        this.#options.windowBytes() - this.#options.waiting(),
      ),
      total: 0,
      context: 0,
      signature: 0,
    }, anySet ? this.#bitmap : NOTHING);
  }
}
