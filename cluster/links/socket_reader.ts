/** The buffer doubles each time that a read fills it: many connections carry little. */
const LEAST_BYTES = 4 * 1024;
const MOST_BYTES = 64 * 1024;
const NEWLINE = 10;

/** The reading half of a socket. */
export interface Source {
  read(into: Uint8Array): Promise<number | null>;
}

/**
 * Lines and blocks of a byte stream. What a block still lacks is read straight
 * into its destination.
 */
export class SocketReader {
  readonly #source: Source;
  #buffer = new Uint8Array(LEAST_BYTES);
  #start = 0;
  #end = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  /**
   * The next line without its `\r\n`. The bytes are valid until the next call.
   *
   * @throws {Error} If the stream ends or the line is longer than 64 KiB.
   */
  async line(): Promise<Uint8Array> {
    let from = this.#start;
    for (;;) {
      const at = this.#buffer.indexOf(NEWLINE, from);
      if (at >= 0 && at < this.#end) {
        const line = this.#buffer.subarray(this.#start, at - 1);
        this.#start = at + 1;
        return line;
      }
      from = this.#end - this.#start;
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end = from;
      this.#start = 0;
      if (from === MOST_BYTES) throw new Error("a line of over 64 KiB");
      this.#end += await this.#read(this.#buffer.subarray(from));
      this.#grow();
    }
  }

  /** Fills `into` with what comes next. */
  async fill(into: Uint8Array): Promise<void> {
    let have = Math.min(into.length, this.#end - this.#start);
    into.set(this.#buffer.subarray(this.#start, this.#start + have));
    this.#start += have;
    while (have < into.length) {
      const missing = into.length - have;
      if (missing >= this.#buffer.length) {
        have += await this.#read(into.subarray(have));
        continue;
      }
      // The end of a block comes with the beginning of the next.
      this.#start = 0;
      this.#end = await this.#read(this.#buffer);
      const part = Math.min(missing, this.#end);
      into.set(this.#buffer.subarray(0, part), have);
      this.#start = part;
      have += part;
      this.#grow();
    }
  }

  /** Drops the next `bytes` bytes. */
  async skip(bytes: number): Promise<void> {
    const buffered = Math.min(bytes, this.#end - this.#start);
    this.#start += buffered;
    for (let rest = bytes - buffered; rest > 0;) {
      this.#start = 0;
      this.#end = await this.#read(this.#buffer);
      this.#start = Math.min(rest, this.#end);
      rest -= this.#start;
    }
  }

  #grow(): void {
    const { length } = this.#buffer;
    if (this.#end < length || length === MOST_BYTES) return;
    const larger = new Uint8Array(2 * length);
    larger.set(this.#buffer);
    this.#buffer = larger;
  }

  async #read(into: Uint8Array): Promise<number> {
    const count = await this.#source.read(into);
    if (!count) throw new Error("the other side closed the connection");
    return count;
  }
}
