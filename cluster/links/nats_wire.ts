import { authenticatorOf, type Credentials, unreached } from "./credentials.ts";
import { SocketReader } from "./socket_reader.ts";
import { SocketWriter } from "./socket_writer.ts";

/** What a client must know of https://docs.nats.io/reference/reference-protocols/nats-protocol */
const CONNECT_MS = 5000;
/** Pings keep both sides sure of each other; two missed ones break the connection. */
const PING_MS = 5000;
const RECONNECT_MS = 250;
const QUEUE_BYTES = 64 * 1024 * 1024;
/** Bytes of the first message for which there is room. */
const LEAST_MESSAGE = 4 * 1024;

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
  /** Until it fires, a server that is not there is waited for; left out, none is. */
  patience?: AbortSignal | undefined;
  /** The bytes are only valid during the call and start at a multiple of 8. */
  onMessage(bytes: Uint8Array): void;
  /** Connected again after an interruption in which messages were lost. */
  onRestored(): void;
}

/** Facts of the server's INFO that matter here. */
interface ServerInfo {
  max_payload: number;
  tls_required?: boolean;
  /** To be signed by those who have an nkey. */
  nonce?: string;
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
  /** Times that the connection broke and was made again. */
  reconnects = 0;
  readonly #options: WireOptions;
  /** Grows to the largest message so far. */
  #message = new Uint8Array(LEAST_MESSAGE);
  #socket: Deno.Conn | undefined;
  #reader: SocketReader | undefined;
  #writer: SocketWriter | undefined;
  #pingsOut = 0;
  #pongs: (() => void)[] = [];
  #pinger: ReturnType<typeof setInterval> | undefined;
  /** Ends the pause before the next attempt to connect. */
  #retry: () => void = () => {};
  #closed = false;
  #ended: Promise<void> = Promise.resolve();

  /** Use {@linkcode NatsWire.open}. */
  private constructor(options: WireOptions) {
    this.#options = options;
  }

  /** @throws {EnvironmentError} If the server cannot be reached or refuses. */
  static async open(options: WireOptions): Promise<NatsWire> {
    const { credentials, patience } = options;
    const wire = new NatsWire(options);
    for (let connected = false; !connected;) {
      try {
        await wire.#connect();
        connected = true;
      } catch (cause) {
        wire.#disconnect();
        if (patience?.aborted ?? true) throw unreached(credentials, cause);
        await wire.#pause();
      }
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
    this.#retry();
    this.#disconnect();
    await this.#ended;
  }

  async #connect(): Promise<void> {
    const { credentials, name, subject } = this.#options;
    const { hostname, port } = new URL(credentials.url);
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort();
      this.#disconnect();
    }, CONNECT_MS);
    try {
      const tcp = await Deno.connect({
        hostname,
        port: Number(port || 4222),
        signal: late.signal,
      });
      tcp.setNoDelay();
      this.#socket = tcp;
      let reader = new SocketReader(tcp);
      const info: ServerInfo = JSON.parse(
        decoder.decode(await reader.line()).replace(/^INFO /, ""),
      );
      if (credentials.ca !== undefined && !info.tls_required) {
        throw new Error("the server offers no TLS, so it gets no password");
      }
      if (info.tls_required) {
        this.#socket = await Deno.startTls(tcp, {
          hostname,
          ...(credentials.ca === undefined
            ? {}
            : { caCerts: [credentials.ca] }),
        });
        reader = new SocketReader(this.#socket);
      }
      this.#reader = reader;
      this.maxPayload = info.max_payload;
      const authenticate = await authenticatorOf(credentials);
      const hello = JSON.stringify({
        verbose: false,
        pedantic: false,
        ...authenticate(info.nonce),
        name,
        lang: "deno",
        version: "1",
        protocol: 1,
        echo: false,
        tls_required: info.tls_required === true,
      });
      // Nothing may be published before.
      this.#writer = new SocketWriter(this.#socket, QUEUE_BYTES);
      this.#writer.push(
        encoder.encode(`CONNECT ${hello}\r\nSUB ${subject} 1\r\nPING\r\n`),
      );
      for (;;) {
        const line = decoder.decode(await reader.line());
        if (line.startsWith("-ERR")) throw new Error(line.slice(5));
        if (line === "PONG") break;
      }
      this.#pingsOut = 0;
    } catch (error) {
      if (!late.signal.aborted) throw error;
      throw new Error(`no answer for ${CONNECT_MS / 1000} s`, { cause: error });
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
        for (;;) await this.#receive(this.#reader!);
      } catch {
        this.#disconnect();
      }
      while (!this.#closed) {
        try {
          await this.#connect();
          if (this.#closed) return this.#disconnect();
          this.reconnects++;
          this.#options.onRestored();
          break;
        } catch {
          this.#disconnect();
          await this.#pause();
        }
      }
    }
  }

  async #pause(): Promise<void> {
    const over = Promise.withResolvers<void>();
    this.#retry = over.resolve;
    const timer = setTimeout(
      over.resolve,
      RECONNECT_MS * (1 + Math.random()),
    );
    if (!this.#closed) await over.promise;
    clearTimeout(timer);
  }

  /**
   * Takes one line, and the message that follows it.
   *
   * @throws {Error} If the stream is not what the protocol says: a byte has
   * changed on the way, and only a new connection shows where messages begin.
   */
  async #receive(reader: SocketReader): Promise<void> {
    const line = await reader.line();
    if (line[0] === M) {
      const { maxMessage, onMessage } = this.#options;
      const size = sizeOf(line);
      if (size > maxMessage) {
        if (size > this.maxPayload) throw new Error("a message too large");
        this.oversized++;
        return await reader.skip(size + 2);
      }
      if (size > this.#message.length) {
        const room = Math.max(size, 2 * this.#message.length);
        this.#message = new Uint8Array(Math.min(room, maxMessage));
      }
      const message = this.#message.subarray(0, size);
      await reader.fill(message);
      if ((await reader.line()).length > 0) {
        throw new Error("no end of message");
      }
      return onMessage(message);
    }
    const text = decoder.decode(line);
    if (text === "PING") this.#writer?.push(PONG);
    else if (text === "PONG") {
      this.#pingsOut = 0;
      this.#pongs.shift()?.();
    } else if (!/^(?:INFO |\+OK)/.test(text)) throw new Error(text);
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

/** The number at the end of a line. */
function sizeOf(bytes: Uint8Array): number {
  let at = bytes.length - 1;
  let size = 0;
  let unit = 1;
  while (bytes[at]! >= 48 && bytes[at]! <= 57) {
    size += (bytes[at]! - 48) * unit;
    unit *= 10;
    at--;
  }
  return size;
}
