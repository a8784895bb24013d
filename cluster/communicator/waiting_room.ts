import type { FrameHead } from "../links/mod.ts";

/** Room for each sender, in bytes: for all that may be on the way. */
export const ROOM = 16 * 1024 * 1024;
/** What an entry costs besides its payload. */
const ENTRY_BYTES = 256;

export interface Entry {
  head: FrameHead;
  payload: Uint8Array;
}

/** Data that has come before this rank asked for it, under names of its owners' choice. */
export class WaitingRoom {
  readonly #entries = new Map<string, Entry[]>();
  readonly #bytes: number[] = [];

  /** Bytes that wait here from one sender. */
  bytesFrom(rank: number): number {
    return this.#bytes[rank] ?? 0;
  }

  /** Keeps a copy, unless the sender's would be more than `room` bytes then. */
  keep(
    name: string,
    head: FrameHead,
    payload: Uint8Array,
    room: number,
  ): boolean {
    const bytes = this.bytesFrom(head.from) + payload.length + ENTRY_BYTES;
    if (bytes > room) return false;
    this.#bytes[head.from] = bytes;
    const entry = { head, payload: new Uint8Array(payload) };
    const entries = this.#entries.get(name);
    if (entries === undefined) this.#entries.set(name, [entry]);
    else entries.push(entry);
    return true;
  }

  /** Takes out what waits under a name. */
  take(name: string): readonly Entry[] {
    const entries = this.#entries.get(name);
    if (entries === undefined) return NONE;
    this.#entries.delete(name);
    for (const { head, payload } of entries) {
      this.#bytes[head.from]! -= payload.length + ENTRY_BYTES;
    }
    return entries;
  }
}

const NONE: readonly Entry[] = [];
