import type { FrameHead } from "../links/mod.ts";

/** Room for each sender, in bytes: for all that may be on the way. */
export const ROOM = 16 * 1024 * 1024;
/** What an entry costs besides its payload. */
const ENTRY_BYTES = 256;

export interface Entry {
  head: FrameHead;
  payload: Uint8Array;
}

/** Where data waits: for a call, and for one of its messages. */
export interface Spot {
  call: string;
  message: string;
}

/** Data that has come before this rank asked for it, under names of its owners' choice. */
export class WaitingRoom {
  readonly #calls = new Map<string, Map<string, Entry[]>>();
  readonly #bytes: number[] = [];

  /** Bytes that wait here from one sender. */
  bytesFrom(rank: number): number {
    return this.#bytes[rank] ?? 0;
  }

  /** Keeps a copy, unless the sender's would be more than `room` bytes then. */
  keep(
    { call, message }: Spot,
    { head, payload }: Entry,
    room: number,
  ): boolean {
    const bytes = this.bytesFrom(head.from) + payload.length + ENTRY_BYTES;
    if (bytes > room) return false;
    this.#bytes[head.from] = bytes;
    const messages = this.#calls.get(call) ?? new Map<string, Entry[]>();
    this.#calls.set(call, messages);
    const entry = { head, payload: new Uint8Array(payload) };
    const entries = messages.get(message);
    if (entries === undefined) messages.set(message, [entry]);
    else entries.push(entry);
    return true;
  }

  /** Takes out what waits of a message. */
  take({ call, message }: Spot): readonly Entry[] {
    const messages = this.#calls.get(call);
    const entries = messages?.get(message);
    if (entries === undefined) return NONE;
    messages!.delete(message);
    if (messages!.size === 0) this.#calls.delete(call);
    this.#leave(entries);
    return entries;
  }

  /** Drops what waits for a call that is over. */
  drop(call: string): void {
    const messages = this.#calls.get(call);
    this.#calls.delete(call);
    for (const entries of messages?.values() ?? NONE) this.#leave(entries);
  }

  /** Drops what waits for all calls whose names begin so. */
  dropAll(prefix: string): void {
    for (const call of [...this.#calls.keys()]) {
      if (call.startsWith(prefix)) this.drop(call);
    }
  }

  #leave(entries: readonly Entry[]): void {
    for (const { head, payload } of entries) {
      this.#bytes[head.from]! -= payload.length + ENTRY_BYTES;
    }
  }
}

const NONE: readonly never[] = [];
