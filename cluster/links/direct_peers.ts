import { createHmac, timingSafeEqual } from "node:crypto";
import type { Env } from "../../src/env/mod.ts";

/** Where a rank listens, and the secret by which it knows those who dial. */
export interface DirectAddress {
  /** Id of the machine: its other ranks use loopback. */
  machine: string;
  addresses: string[];
  port: number;
  /** Known to the ranks of the run alone: each makes its token of it. */
  secret: string;
}

export interface DirectOptions {
  env: Pick<Env, "timers" | "randomBytes">;
  rank: number;
  size: number;
  machine: string;
  /** Addresses of this machine that other machines may reach; none = loopback only. */
  addresses: readonly string[];
  /** Shows this rank's address to all others and returns those of all, in rank order. */
  exchange(own: DirectAddress): Promise<DirectAddress[]>;
  /** Time for all connections together. */
  timeoutMs: number;
  /** Those that there are then will do. */
  signal?: AbortSignal;
  onWarning(message: string): void;
}

const TOKEN_BYTES = 32;
const HELLO_BYTES = TOKEN_BYTES + 4;
const WELCOME = new Uint8Array([1]);
const LOOPBACK = "127.0.0.1";

/**
 * Connects every pair of ranks by TCP. Entry r of the result is the connection
 * to rank r, absent where none came about in time.
 *
 * The higher rank dials and shows its token, 32 bytes that only the ranks of the run
 * can know and that count once. Who shows others is refused.
 */
export async function connectPeers(
  options: DirectOptions,
): Promise<(Deno.Conn | undefined)[]> {
  const { env, rank, size, machine, addresses, timeoutMs, signal } = options;
  const listener = Deno.listen({
    hostname: addresses.length === 0
      ? LOOPBACK
      : addresses.some((address) => address.includes(":"))
      ? "::"
      : "0.0.0.0",
    port: 0,
  });
  const secret = env.randomBytes(TOKEN_BYTES).toHex();
  const peers: (Deno.Conn | undefined)[] = new Array(size).fill(undefined);
  const complete = Promise.withResolvers<void>();
  const cancel = { late: () => {} };
  let over = false;
  try {
    const all = await options.exchange({
      machine,
      addresses: [...addresses],
      port: listener.addr.port,
      secret,
    });
    cancel.late = env.timers.after(timeoutMs, complete.resolve);
    signal?.addEventListener("abort", () => complete.resolve());
    const took = (from: number, socket: Deno.Conn) => {
      // Nobody would use it, nor close it.
      if (over) return shut(socket);
      peers[from] = socket;
      if (peers.every((peer, r) => peer !== undefined || r === rank)) {
        complete.resolve();
      }
    };
    accept(listener, options, secret, took);
    for (let to = 0; to < rank; to++) {
      dial(all[to]!, options).then((socket) => socket && took(to, socket));
    }
    await complete.promise;
    return peers;
  } finally {
    over = true;
    cancel.late();
    listener.close();
  }
}

async function accept(
  listener: Deno.TcpListener,
  options: DirectOptions,
  secret: string,
  took: (from: number, socket: Deno.Conn) => void,
): Promise<void> {
  /** Ranks whose tokens have been shown. */
  const known = new Set<number>();
  try {
    for await (const socket of listener) {
      // Or the kernel holds the end of a frame back until an acknowledgement, 40 ms.
      socket.setNoDelay();
      welcome(socket);
    }
  } catch {
    // The listener was closed.
  }

  async function welcome(socket: Deno.Conn): Promise<void> {
    const from = await readHello(socket, options, { secret, known });
    if (from !== undefined) return took(from, socket);
    const { hostname } = socket.remoteAddr as Deno.NetAddr;
    options.onWarning(`refused a stranger from ${hostname} at the direct link`);
    shut(socket);
  }
}

/** The rank that dials, if it shows its own token, and for the first time. */
async function readHello(
  socket: Deno.Conn,
  { env, rank, size, timeoutMs }: DirectOptions,
  { secret, known }: { secret: string; known: Set<number> },
): Promise<number | undefined> {
  const late = env.timers.after(timeoutMs, () => shut(socket));
  try {
    const hello = new Uint8Array(HELLO_BYTES);
    if (!await fill(socket, hello)) return undefined;
    const from = new DataView(hello.buffer).getUint32(TOKEN_BYTES);
    if (from <= rank || from >= size || known.has(from)) return undefined;
    const token = hello.subarray(0, TOKEN_BYTES);
    if (!timingSafeEqual(token, tokenOf(secret, from))) return undefined;
    known.add(from);
    await socket.write(WELCOME);
    return from;
  } catch {
    return undefined;
  } finally {
    late();
  }
}

/** Tries the addresses in turn. */
async function dial(
  to: DirectAddress,
  { env, rank, machine, timeoutMs }: DirectOptions,
): Promise<Deno.Conn | undefined> {
  const hello = new Uint8Array(HELLO_BYTES);
  hello.set(tokenOf(to.secret, rank));
  new DataView(hello.buffer).setUint32(TOKEN_BYTES, rank);
  const addresses = to.machine === machine ? [LOOPBACK] : to.addresses;
  for (const hostname of addresses) {
    const abort = new AbortController();
    const late = env.timers.after(
      timeoutMs / addresses.length,
      () => abort.abort(),
    );
    let socket: Deno.TcpConn | undefined;
    try {
      socket = await Deno.connect({
        hostname,
        port: to.port,
        signal: abort.signal,
      });
      abort.signal.addEventListener("abort", () => shut(socket!));
      socket.setNoDelay();
      await socket.write(hello);
      if (await fill(socket, new Uint8Array(1))) return socket;
    } catch {
      // The next address may do.
    } finally {
      late();
    }
    if (socket) shut(socket);
  }
  return undefined;
}

/** What a rank shows: whoever sees it on the way learns no other's. */
function tokenOf(secret: string, rank: number): Uint8Array {
  return createHmac("sha256", secret).update(`${rank}`).digest();
}

async function fill(socket: Deno.Conn, into: Uint8Array): Promise<boolean> {
  let have = 0;
  while (have < into.length) {
    const count = await socket.read(into.subarray(have));
    if (!count) return false;
    have += count;
  }
  return true;
}

function shut(socket: Deno.Conn): void {
  try {
    socket.close();
  } catch {
    // Closed already.
  }
}
