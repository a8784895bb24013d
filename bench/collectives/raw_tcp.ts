const WRITE_BYTES = 1024 * 1024;

/** A socket between two ranks: the sender writes, the receiver reads, nothing else. */
export class RawTcp {
  readonly #socket: Deno.Conn;
  readonly #buffer = new Uint8Array(WRITE_BYTES);

  constructor(socket: Deno.Conn) {
    this.#socket = socket;
  }

  async send(bytes: number): Promise<void> {
    for (let left = bytes; left > 0;) {
      left -= await this.#socket.write(
        this.#buffer.subarray(0, Math.min(left, WRITE_BYTES)),
      );
    }
    // All has been read when the other side answers.
    await this.#socket.read(this.#buffer);
  }

  async receive(bytes: number): Promise<void> {
    for (let left = bytes; left > 0;) {
      const count = await this.#socket.read(
        this.#buffer.subarray(0, Math.min(left, WRITE_BYTES)),
      );
      if (!count) throw new Error("the sender closed the connection");
      left -= count;
    }
    await this.#socket.write(this.#buffer.subarray(0, 1));
  }

  close(): void {
    this.#socket.close();
  }
}
