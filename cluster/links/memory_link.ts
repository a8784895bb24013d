import type { Timers } from "../../src/env/mod.ts";
import type { Link, LinkReceiver } from "./link.ts";

/** What the network does to one frame. */
export interface Fate {
  /** Milliseconds until each copy arrives; none for a lost frame. */
  arrivals: readonly number[];
  /** Bit of the frame that flips on the way, counted from its start. */
  flipBit?: number;
}

export interface MemoryNetworkOptions {
  size: number;
  timers: Timers;
  maxFrame?: number;
  treeBytes?: number;
  /** Decides about a frame; by default each arrives at once. */
  fate?: (from: number, to: number, frame: Uint8Array) => Fate;
}

const PROMPT: Fate = { arrivals: [0] };

/** Ranks in one process, joined by a network as bad as wished. */
export class MemoryNetwork {
  readonly #options: MemoryNetworkOptions;
  readonly #receivers: (LinkReceiver | undefined)[] = [];
  readonly #cancels = new Set<() => void>();

  constructor(options: MemoryNetworkOptions) {
    this.#options = options;
  }

  link(rank: number): Link {
    const { size, maxFrame = 1024 * 1024, treeBytes } = this.#options;
    return {
      rank,
      size,
      lanes: 1,
      usefulFrame: 1024 * 1024,
      maxFrame,
      ...(treeBytes === undefined ? {} : { treeBytes }),
      counts: { oversized: 0, reconnects: 0 },
      listen: (receiver) => {
        this.#receivers[rank] = receiver;
      },
      send: (to, _lane, head, body) => this.#send(rank, to, head, body),
      close: () => {
        this.#receivers[rank] = undefined;
        return Promise.resolve();
      },
    };
  }

  /** Tells every rank that the network works again. */
  restore(): void {
    for (const receiver of this.#receivers) receiver?.onRestored();
  }

  /** Drops what is on the way. */
  close(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    this.#receivers.length = 0;
  }

  #send(from: number, to: number, head: Uint8Array, body: Uint8Array): void {
    const frame = new Uint8Array(head.length + body.length);
    frame.set(head);
    frame.set(body, head.length);
    const { arrivals, flipBit } = this.#options.fate?.(from, to, frame) ??
      PROMPT;
    if (flipBit !== undefined) {
      const at = (flipBit >>> 3) % frame.length;
      frame[at]! ^= 1 << (flipBit & 7);
    }
    for (const delay of arrivals) {
      const cancel = this.#options.timers.after(delay, () => {
        this.#cancels.delete(cancel);
        this.#receivers[to]?.onFrame(frame);
      });
      this.#cancels.add(cancel);
    }
  }
}
