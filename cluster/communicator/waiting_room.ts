import type { Arrival } from "./operation.ts";

/** Room for each sender, in bytes. */
const ROOM = 8 * 1024 * 1024;
/** What an entry costs besides its payload. */
const ENTRY_BYTES = 256;

/** Data of operations that this rank has not begun yet. */
export class WaitingRoom {
  readonly #entries = new Map<
    number,
    { arrival: Arrival; payload: Uint8Array }[]
  >();
  readonly #bytes: number[] = [];

  /** Bytes that wait here from one sender. */
  bytesFrom(rank: number): number {
    return this.#bytes[rank] ?? 0;
  }

  /** Keeps a copy, unless the sender has used up its room. */
  keep(operation: number, arrival: Arrival, payload: Uint8Array): boolean {
    const bytes = this.bytesFrom(arrival.from) + payload.length + ENTRY_BYTES;
    if (bytes > ROOM) return false;
    this.#bytes[arrival.from] = bytes;
    const entries = this.#entries.get(operation) ?? [];
    entries.push({ arrival, payload: new Uint8Array(payload) });
    this.#entries.set(operation, entries);
    return true;
  }

  /** Takes out what waits for an operation. */
  take(operation: number): { arrival: Arrival; payload: Uint8Array }[] {
    const entries = this.#entries.get(operation) ?? [];
    this.#entries.delete(operation);
    for (const { arrival, payload } of entries) {
      this.#bytes[arrival.from]! -= payload.length + ENTRY_BYTES;
    }
    return entries;
  }
}
