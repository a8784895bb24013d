import { SocketReader } from "../../cluster/links/socket_reader.ts";

/** What happens to a message on its way. */
export const FAULTS = [
  /** The connection is reset; what was on the way is lost. */
  "reset",
  /** It is gone without a trace, as when a server drops it. */
  "lose",
  /** It and all behind it come later. */
  "delay",
  /** It comes behind the next one. */
  "reorder",
  "duplicate",
  /** A bit flips: in the data, in the head or in the protocol's own words. */
  "corrupt",
  /** One of several megabytes comes before it. */
  "oversized",
  /** One that is no frame of the run comes before it. */
  "foreign",
] as const;
export type Fault = typeof FAULTS[number];

/** A message that passes the proxy. */
export interface Passing {
  /** Connections are counted in the order in which they come. */
  connection: number;
  /** `up` leads to the target. */
  direction: "up" | "down";
  /** Its number in its connection and direction. */
  index: number;
  bytes: number;
}

export interface FaultProxyOptions {
  /** Where connections lead to. */
  target: { hostname: string; port: number };
  /** How messages are told apart: as NATS does or as direct connections do. */
  framing: "nats" | "direct";
  /** Decides about a message; only those with data are asked for. */
  fault: (passing: Passing) => Fault | undefined;
  /** Bytes that a connection exchanges before its first message, direct only. */
  greeting?: { up: number; down: number };
}

const DELAY_MS = 20;
const OVERSIZED = 6 * 1024 * 1024;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One protocol unit; `dataAt` is where its data begins, if it has some. */
interface Unit {
  bytes: Uint8Array<ArrayBuffer>;
  dataAt?: number;
}

/** A TCP proxy on the loopback that does to messages what bad networks do. */
export class FaultProxy implements AsyncDisposable {
  readonly port: number;
  /** What was done so far. */
  readonly done: Record<Fault, number> = {
    reset: 0,
    lose: 0,
    delay: 0,
    reorder: 0,
    duplicate: 0,
    corrupt: 0,
    oversized: 0,
    foreign: 0,
  };
  /** Called for each further connection while they are closed at once. */
  turnAway: (() => void) | undefined;
  readonly #options: FaultProxyOptions;
  readonly #listener: Deno.TcpListener;
  readonly #sockets = new Map<number, Deno.Conn[]>();
  readonly #work: Promise<void>[] = [];
  #connections = 0;

  constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#work.push(this.#accept());
  }

  /** Breaks a connection, or all. */
  cut(connection?: number): void {
    for (const [key, sockets] of this.#sockets) {
      if (connection === undefined || connection === key) shut(...sockets);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await Promise.all(this.#work);
  }

  async #accept(): Promise<void> {
    try {
      for await (const socket of this.#listener) {
        if (this.turnAway) {
          shut(socket);
          this.turnAway();
        } else this.#work.push(this.#join(this.#connections++, socket));
      }
    } catch {
      // The listener was closed.
    }
  }

  async #join(connection: number, client: Deno.TcpConn): Promise<void> {
    let target: Deno.TcpConn;
    try {
      target = await Deno.connect(this.#options.target);
    } catch {
      return shut(client);
    }
    client.setNoDelay();
    target.setNoDelay();
    this.#sockets.set(connection, [client, target]);
    await Promise.all([
      this.#pump(connection, "up", client, target),
      this.#pump(connection, "down", target, client),
    ]);
    this.#sockets.delete(connection);
  }

  async #pump(
    connection: number,
    direction: Passing["direction"],
    from: Deno.Conn,
    to: Deno.Conn,
  ): Promise<void> {
    const { framing, fault, greeting } = this.#options;
    try {
      const reader = new SocketReader(from);
      if (greeting !== undefined) {
        const hello = new Uint8Array(greeting[direction]);
        await reader.fill(hello);
        await write(to, hello);
      }
      const next = framing === "nats" ? natsUnit : directUnit;
      let held: Unit | undefined;
      for (let index = 0;;) {
        const unit = await next(reader);
        const { dataAt, bytes } = unit;
        const kind = dataAt === undefined
          ? undefined
          : fault({ connection, direction, index, bytes: bytes.length });
        if (dataAt !== undefined) index++;
        if (kind !== undefined) this.done[kind]++;
        if (kind === "reset") break;
        if (kind === "delay") {
          await new Promise((resolve) => setTimeout(resolve, DELAY_MS));
        }
        if (kind === "oversized" || kind === "foreign") {
          const size = kind === "oversized" ? OVERSIZED : 1000;
          await write(to, inserted(unit, size, framing));
        }
        if (kind === "corrupt") flipBit(bytes, index * 7919 + connection);
        if (kind === "reorder" && held === undefined) {
          held = unit;
          continue;
        }
        if (kind !== "lose") await write(to, bytes);
        if (kind === "duplicate") await write(to, bytes);
        if (held !== undefined) await write(to, held.bytes);
        held = undefined;
      }
    } catch {
      // One of the two has ended.
    }
    shut(from, to);
  }
}

/** A line of the protocol, with the message that follows it. */
async function natsUnit(reader: SocketReader): Promise<Unit> {
  const line = decoder.decode(await reader.line());
  const head = encoder.encode(`${line}\r\n`);
  const size = /^(?:MSG|PUB) .* (\d+)$/.exec(line)?.[1];
  if (size === undefined) return { bytes: head };
  const bytes = new Uint8Array(head.length + Number(size) + 2);
  bytes.set(head);
  await reader.fill(bytes.subarray(head.length));
  return { bytes, dataAt: head.length };
}

/** A frame behind its length and the complement of it. */
async function directUnit(reader: SocketReader): Promise<Unit> {
  const length = new Uint8Array(8);
  await reader.fill(length);
  const size = new DataView(length.buffer).getUint32(0);
  const bytes = joined(length, new Uint8Array(size));
  await reader.fill(bytes.subarray(length.length));
  return { bytes, dataAt: length.length };
}

/** A message of `size` bytes to the same place that is no frame of this run. */
function inserted(
  { bytes, dataAt }: Unit,
  size: number,
  framing: FaultProxyOptions["framing"],
): Uint8Array {
  const data = new Uint8Array(size).fill(7);
  if (framing === "nats") {
    const head = decoder.decode(bytes.subarray(0, dataAt))
      .replace(/ \d+\r\n$/, ` ${size}\r\n`);
    return joined(encoder.encode(head), data, encoder.encode("\r\n"));
  }
  const length = new Uint8Array(8);
  new DataView(length.buffer).setUint32(0, size);
  new DataView(length.buffer).setUint32(4, ~size);
  data.set(bytes.subarray(dataAt!, dataAt! + 4));
  return joined(length, data);
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Every other time among the first bytes, where lengths and addresses are. */
function flipBit(bytes: Uint8Array, chance: number): void {
  const random = Math.imul(chance + 1, 2654435761) >>> 0;
  const range = random & 1 ? Math.min(bytes.length, 64) : bytes.length;
  const bit = (random >>> 1) % (range * 8);
  bytes[bit >>> 3]! ^= 1 << (bit & 7);
}

async function write(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await to.write(bytes.subarray(written));
  }
}

function shut(...sockets: Deno.Conn[]): void {
  for (const socket of sockets) {
    try {
      socket.close();
    } catch {
      // Closed already.
    }
  }
}
