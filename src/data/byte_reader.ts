/** Reads a stream in pieces of the wanted length, holding one chunk at a time. */
export class ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();
  #position = 0;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** Bytes handed out so far. */
  get position(): number {
    return this.#position;
  }

  async #fill(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const { value, done } = await this.#reader.read();
      if (done) return false;
      this.#chunk = value;
    }
    return true;
  }

  #shift(length: number): Uint8Array {
    const piece = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(piece.length);
    this.#position += piece.length;
    return piece;
  }

  /**
   * The next `length` bytes, fewer at the end of the stream. Memory grows with the
   * bytes that arrive, not with `length`.
   */
  async take(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const pieces: Uint8Array[] = [];
    let taken = 0;
    while (taken < length && await this.#fill()) {
      const piece = this.#shift(length - taken);
      pieces.push(piece);
      taken += piece.length;
    }
    const result = new Uint8Array(taken);
    let at = 0;
    for (const piece of pieces) {
      result.set(piece, at);
      at += piece.length;
    }
    return result;
  }

  /** Drops the next `length` bytes; the result is how many there were. */
  async skip(length: number): Promise<number> {
    let skipped = 0;
    while (skipped < length && await this.#fill()) {
      skipped += this.#shift(length - skipped).length;
    }
    return skipped;
  }

  /** Closes the stream, read to its end or not. */
  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => {
      // The stream has failed already, which the reader has been told.
    });
  }
}
