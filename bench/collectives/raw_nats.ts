import type { Credentials } from "../../cluster/links/mod.ts";

/** What travels between the steps of a ring, all messages of one size. */
export interface Stream {
  /** Messages that are sent and received. */
  messages: number;
  bytes: number;
}

/** Messages on the way at most: as much as the links' credit allows. */
const WINDOW_BYTES = 8 * 1024 * 1024;
const BUFFER_BYTES = 64 * 1024;
const NEWLINE = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const CRLF = encoder.encode("\r\n");
const CRLF_PONG = encoder.encode("\r\nPONG\r\n");

/**
 * The least a NATS client can do: bytes out of one buffer, bytes into another.
 * No frames, no checksums, no acknowledgements, nothing is combined. What it
 * reaches is the ceiling of the server and of the sockets of this machine.
 */
export class RawNats {
  readonly #socket: Deno.Conn;
  readonly #to: string;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #out = new Uint8Array(0);
  #into = new Uint8Array(0);
  #start = 0;
  #end = 0;

  private constructor(socket: Deno.Conn, to: string) {
    this.#socket = socket;
    this.#to = to;
  }

  /** Subscribes to `from`, and will publish to `to`. */
  static async open(
    { url, user, password }: Credentials,
    { from, to }: { from: string; to: string },
  ): Promise<RawNats> {
    const { hostname, port } = new URL(url);
    const socket = await Deno.connect({ hostname, port: Number(port) });
    socket.setNoDelay();
    const raw = new RawNats(socket, to);
    await raw.#line();
    const hello = { verbose: false, user, pass: password, echo: false };
    await raw.#write(encoder.encode(
      `CONNECT ${JSON.stringify(hello)}\r\nSUB ${from} 1\r\nPING\r\n`,
    ));
    while (await raw.#line() !== "PONG");
    return raw;
  }

  /** Touches the memory that messages are sent from and received into. */
  prepare({ bytes }: Stream): void {
    this.#out = new Uint8Array(bytes).fill(1);
    this.#into = new Uint8Array(bytes).fill(1);
  }

  /**
   * Sends and receives at the same time. A message leaves when the one a window
   * before it has come from the other side, which does the same.
   */
  async exchange({ messages, bytes }: Stream): Promise<void> {
    const [out, into] = [this.#out, this.#into];
    const line = encoder.encode(`PUB ${this.#to} ${bytes}\r\n`);
    const window = Math.max(1, Math.floor(WINDOW_BYTES / bytes));
    let received = 0;
    let pinged = false;
    let wake = () => {};
    const send = async () => {
      for (let sent = 0; sent < messages; sent++) {
        while (sent >= received + window) {
          await new Promise<void>((resolve) => wake = resolve);
        }
        await this.#write(line);
        await this.#write(out);
        await this.#write(pinged ? CRLF_PONG : CRLF);
        pinged = false;
      }
    };
    const receive = async () => {
      while (received < messages) {
        if ((await this.#line()).startsWith("MSG")) {
          await this.#fill(into);
          await this.#line();
          received++;
          wake();
        } else pinged = true;
      }
    };
    await Promise.all([send(), receive()]);
  }

  close(): void {
    this.#socket.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      written += await this.#socket.write(bytes.subarray(written));
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const at = this.#buffer.subarray(0, this.#end)
        .indexOf(NEWLINE, this.#start);
      if (at >= 0) {
        const line = decoder.decode(this.#buffer.subarray(this.#start, at - 1));
        this.#start = at + 1;
        return line;
      }
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
      this.#end += await this.#read(this.#buffer.subarray(this.#end));
    }
  }

  async #fill(into: Uint8Array): Promise<void> {
    let have = Math.min(into.length, this.#end - this.#start);
    into.set(this.#buffer.subarray(this.#start, this.#start + have));
    this.#start += have;
    while (have < into.length) have += await this.#read(into.subarray(have));
  }

  async #read(into: Uint8Array): Promise<number> {
    const count = await this.#socket.read(into);
    if (!count) throw new Error("the server closed the connection");
    return count;
  }
}
