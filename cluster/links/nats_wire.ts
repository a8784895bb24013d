import { EnvironmentError } from "../../src/env/mod.ts";
import type { Credentials } from "./credentials.ts";
import { SocketWriter } from "./socket_writer.ts";

/** What a client must know of https://docs.nats.io/reference/reference-protocols/nats-protocol */
const LINE_BYTES = 64 * 1024;
const CONNECT_MS = 5000;
/** Pings keep both sides sure of each other; two missed ones break the connection. */
const PING_MS = 5000;
const RECONNECT_MS = 250;
const QUEUE_BYTES = 64 * 1024 * 1024;

const NEWLINE = 10;
const M = 77;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const PING = encoder.encode("PING\r\n");
const PONG = encoder.encode("PONG\r\n");
const CRLF = encoder.encode("\r\n");

export interface WireOptions {
  credentials: Credentials;
  /** Name of the connection, as the server reports it. */
  name: string;
  /** The one subject whose messages arrive here. */
  subject: string;
  /** Larger messages are skipped. */
  maxMessage: number;
  /** The bytes are only valid during the call and start at a multiple of 8. */
  onMessage(bytes: Uint8Array): void;
  /** Connected again after an interruption in which messages were lost. */
  onRestored(): void;
}

/** Facts of the server's INFO that matter here. */
interface ServerInfo {
  max_payload: number;
  tls_required?: boolean;
}

/**
 * A connection to a NATS server for bulk data: one subscription, messages to
 * any subject.
 *
 * A message is received straight into one buffer that serves for all, and
 * written straight from the caller's memory. The client library allocates and
 * copies several times a message, which costs more than the network.
 *
 * Connects again for ever when the connection breaks: when to give up is
 * decided by the deadlines of those who use it.
 */
export class NatsWire {
  /** Bytes of the largest message that the server takes. */
  maxPayload = 0;
  /** Messages larger than agreed, skipped. */
  oversized = 0;
  readonly #options: WireOptions;
  readonly #message: Uint8Array<ArrayBuffer>;
  readonly #lines = new Uint8Array(LINE_BYTES);
  #start = 0;
  #end = 0;
  #socket: Deno.Conn | undefined;
  #writer: SocketWriter | undefined;
  #pingsOut = 0;
  #pongs: (() => void)[] = [];
  #pinger: ReturnType<typeof setInterval> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #ended: Promise<void> = Promise.resolve();

  /** Use {@linkcode NatsWire.open}. */
  private constructor(options: WireOptions) {
    this.#options = options;
    this.#message = new Uint8Array(options.maxMessage);
  }

  /** @throws {EnvironmentError} If the server cannot be reached or refuses. */
  static async open(options: WireOptions): Promise<NatsWire> {
    const wire = new NatsWire(options);
    try {
      await wire.#connect();
    } catch (cause) {
      wire.#disconnect();
      const { url, user } = options.credentials;
      throw new EnvironmentError(
        `Cannot connect to NATS at ${url} as ${user}: ${
          cause instanceof Error ? cause.message : cause
        }`,
        { cause, hint: "Is the nats-server of this run still alive?" },
      );
    }
    wire.#ended = wire.#stayConnected();
    wire.#pinger = setInterval(() => wire.#ping(), PING_MS);
    return wire;
  }

  /**
   * Sends `head` and `body` as one message; `line` is its {@linkcode pubLine}.
   * While there is no connection, or no room in its queue, the message is lost.
   */
  publish(line: Uint8Array, head: Uint8Array, body: Uint8Array): void {
    const writer = this.#writer;
    if (!writer?.fits(line.length + head.length + body.length + 2)) return;
    writer.push(line);
    writer.push(head);
    if (body.length > 0) writer.push(body);
    writer.push(CRLF);
  }

  /** Sends what waits, if the server takes it within half a second, and disconnects. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const flushed = Promise.withResolvers<void>();
    this.#pongs.push(flushed.resolve);
    this.#writer?.push(PING);
    const timer = setTimeout(flushed.resolve, 500);
    await flushed.promise;
    clearTimeout(timer);
    this.#closed = true;
    clearInterval(this.#pinger);
    clearTimeout(this.#retry);
    this.#disconnect();
    await this.#ended;
  }

  async #connect(): Promise<void> {
    const { credentials, name, subject } = this.#options;
    const { hostname, port } = new URL(credentials.url);
    this.#start = this.#end = 0;
    const timer = setTimeout(() => this.#disconnect(), CONNECT_MS);
    try {
      const tcp = await Deno.connect({ hostname, port: Number(port || 4222) });
      tcp.setNoDelay();
      this.#socket = tcp;
      const info: ServerInfo = JSON.parse(
        (await this.#line()).replace(/^INFO /, ""),
      );
      if (info.tls_required) {
        this.#socket = await Deno.startTls(tcp, {
          hostname,
          ...(credentials.ca === undefined
            ? {}
            : { caCerts: [credentials.ca] }),
        });
      }
      this.maxPayload = info.max_payload;
      const writer = new SocketWriter(this.#socket, QUEUE_BYTES);
      this.#writer = writer;
      const hello = JSON.stringify({
        verbose: false,
        pedantic: false,
        user: credentials.user,
        pass: credentials.password,
        name,
        lang: "deno",
        version: "1",
        protocol: 1,
        echo: false,
        tls_required: info.tls_required === true,
      });
      writer.push(
        encoder.encode(`CONNECT ${hello}\r\nSUB ${subject} 1\r\nPING\r\n`),
      );
      for (;;) {
        const line = await this.#line();
        if (line.startsWith("-ERR")) throw new Error(line.slice(5));
        if (line === "PONG") break;
      }
      this.#pingsOut = 0;
    } finally {
      clearTimeout(timer);
    }
  }

  #disconnect(): void {
    this.#writer?.close();
    this.#writer = undefined;
    for (const pong of this.#pongs.splice(0)) pong();
    try {
      this.#socket?.close();
    } catch {
      // Closed already.
    }
    this.#socket = undefined;
  }

  async #stayConnected(): Promise<void> {
    while (!this.#closed) {
      try {
        for (;;) await this.#receive();
      } catch {
        this.#disconnect();
      }
      while (!this.#closed) {
        try {
          await this.#connect();
          if (this.#closed) return this.#disconnect();
          this.#options.onRestored();
          break;
        } catch {
          this.#disconnect();
          await new Promise<void>((resolve) => {
            this.#retry = setTimeout(
              resolve,
              RECONNECT_MS * (1 + Math.random()),
            );
            if (this.#closed) resolve();
          });
        }
      }
    }
  }

  /** Takes one line, and the message that follows it. */
  async #receive(): Promise<void> {
    const length = await this.#lineLength();
    const first = this.#lines[this.#start];
    if (first === M) {
      const size = sizeOf(this.#lines, this.#start + length);
      this.#start += length + 2;
      return await this.#take(size);
    }
    const line = decoder.decode(
      this.#lines.subarray(this.#start, this.#start + length),
    );
    this.#start += length + 2;
    if (line === "PING") this.#writer?.push(PONG);
    else if (line === "PONG") {
      this.#pingsOut = 0;
      this.#pongs.shift()?.();
    } else if (line.startsWith("-ERR")) throw new Error(line);
  }

  /** Receives a message of `size` bytes and the line end after it. */
  async #take(size: number): Promise<void> {
    const { maxMessage, onMessage } = this.#options;
    let have = Math.min(size, this.#end - this.#start);
    const fits = size <= maxMessage;
    if (fits) {
      this.#message.set(
        this.#lines.subarray(this.#start, this.#start + have),
      );
    } else this.oversized++;
    this.#start += have;
    while (have < size) {
      const room = fits
        ? this.#message.subarray(have, size)
        : this.#message.subarray(0, Math.min(maxMessage, size - have));
      have += await this.#read(room);
    }
    while (this.#end - this.#start < 2) await this.#readLines();
    this.#start += 2;
    if (fits) onMessage(this.#message.subarray(0, size));
  }

  async #line(): Promise<string> {
    const length = await this.#lineLength();
    const line = decoder.decode(
      this.#lines.subarray(this.#start, this.#start + length),
    );
    this.#start += length + 2;
    return line;
  }

  /** Bytes of the next line, without its end. */
  async #lineLength(): Promise<number> {
    let from = this.#start;
    for (;;) {
      const at = this.#lines.indexOf(NEWLINE, from);
      if (at >= 0 && at < this.#end) return at - 1 - this.#start;
      from = this.#end;
      const moved = await this.#readLines();
      from -= moved;
    }
  }

  /** Reads more lines; returns by how much the unread ones have moved down. */
  async #readLines(): Promise<number> {
    const moved = this.#start;
    if (moved > 0) {
      this.#lines.copyWithin(0, moved, this.#end);
      this.#start = 0;
      this.#end -= moved;
    }
    if (this.#end === LINE_BYTES) throw new Error("a line too long for NATS");
    this.#end += await this.#read(this.#lines.subarray(this.#end));
    return moved;
  }

  async #read(into: Uint8Array): Promise<number> {
    const count = await this.#socket?.read(into);
    if (!count) throw new Error("the server closed the connection");
    return count;
  }

  #ping(): void {
    if (this.#writer === undefined) return;
    if (this.#pingsOut >= 2) return this.#disconnect();
    this.#pingsOut++;
    this.#pongs.push(() => {});
    this.#writer.push(PING);
  }
}

/** The line in front of a message of `bytes` bytes to `subject`. */
export function pubLine(subject: string, bytes: number): Uint8Array {
  return encoder.encode(`PUB ${subject} ${bytes}\r\n`);
}

/** The number at the end of a line whose `\r` is at `end`. */
function sizeOf(bytes: Uint8Array, end: number): number {
  let at = end - 1;
  let size = 0;
  let unit = 1;
  while (bytes[at]! >= 48 && bytes[at]! <= 57) {
    size += (bytes[at]! - 48) * unit;
    unit *= 10;
    at--;
  }
  return size;
}
