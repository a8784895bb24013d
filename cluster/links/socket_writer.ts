/** Larger parts are written from where they lie, smaller ones are gathered. */
const COPIED_BYTES = 16 * 1024;
/** Chunks double each time that one is full: many connections carry little. */
const LEAST_CHUNK = 4 * 1024;
const MOST_CHUNK = 64 * 1024;

/** The writing half of a socket. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * Queue in front of a socket. Small parts are copied into chunks that are used
 * again and again, large ones are written from the caller's memory, so that
 * nothing is allocated by the byte.
 */
export class SocketWriter {
  readonly #sink: Sink;
  readonly #limit: number;
  readonly #queue: Uint8Array[] = [];
  /** Chunks to gather small parts in. */
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  /** Chunks of parts in the queue. */
  readonly #sealed = new WeakMap<Uint8Array, Uint8Array<ArrayBuffer>>();
  /** The chunk at the end of the queue, and how much of it is filled. */
  #open: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;
  #chunkBytes = LEAST_CHUNK;
  #queuedBytes = 0;
  #draining = false;
  #closed = false;

  /** At most `limit` bytes wait; {@linkcode SocketWriter.fits} says whether more do. */
  constructor(sink: Sink, limit: number) {
    this.#sink = sink;
    this.#limit = limit;
  }

  fits(bytes: number): boolean {
    return !this.#closed && this.#queuedBytes + bytes <= this.#limit;
  }

  /**
   * Queues bytes. Those of a part above 16 KiB must stay as they are until they
   * are written, or what is written is partly old and partly new.
   */
  push(part: Uint8Array): void {
    if (this.#closed) return;
    this.#queuedBytes += part.length;
    if (part.length > COPIED_BYTES) {
      this.#seal();
      this.#queue.push(part);
    } else {
      if (this.#filled + part.length > (this.#open?.length ?? 0)) {
        this.#makeRoom(part.length);
      }
      this.#open!.set(part, this.#filled);
      this.#filled += part.length;
    }
    if (this.#draining) return;
    this.#draining = true;
    queueMicrotask(() => this.#drain());
  }

  /** Drops what waits and takes no more. */
  close(): void {
    this.#closed = true;
    this.#queue.length = 0;
    this.#open = undefined;
    this.#queuedBytes = 0;
  }

  /** Opens an empty chunk for at least so many bytes. */
  #makeRoom(bytes: number): void {
    if (this.#open !== undefined) {
      this.#chunkBytes = Math.min(2 * this.#chunkBytes, MOST_CHUNK);
    }
    this.#seal();
    const least = Math.max(bytes, this.#chunkBytes);
    const spare = this.#spare.pop();
    // Those that are too small by now are given up.
    this.#open = spare !== undefined && spare.length >= least
      ? spare
      : new Uint8Array(least);
  }

  /** Puts the open chunk into the queue. */
  #seal(): void {
    if (this.#open === undefined) return;
    const part = this.#open.subarray(0, this.#filled);
    this.#sealed.set(part, this.#open);
    this.#queue.push(part);
    this.#open = undefined;
    this.#filled = 0;
  }

  async #drain(): Promise<void> {
    try {
      for (;;) {
        if (this.#queue.length === 0) this.#seal();
        const part = this.#queue.shift();
        if (part === undefined) break;
        let written = 0;
        while (written < part.length) {
          written += await this.#sink.write(part.subarray(written));
        }
        this.#queuedBytes -= part.length;
        const chunk = this.#sealed.get(part);
        if (chunk !== undefined) this.#spare.push(chunk);
      }
    } catch {
      // The reading half sees the end of the socket and acts on it.
      this.close();
    } finally {
      this.#draining = false;
    }
  }
}
