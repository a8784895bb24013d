import { cpuUsage } from "node:process";
import type { Comm } from "../../cluster/communicator/mod.ts";
import type { Credentials } from "../../cluster/links/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import { RawNats } from "./raw_nats.ts";
import { RawTcp } from "./raw_tcp.ts";

/** Messages of the ceilings: above this the server gets no faster. */
const MESSAGE_BYTES = 4 * 1024 * 1024;

export interface CeilingReply {
  ms: number;
  cpuMs: number;
}

/** What the machine can do at most, measured with the least that a program can do. */
export class Ceilings {
  readonly #comm: Comm;
  readonly #credentials: Credentials;
  /** On ranks 0 and 1. */
  #tcp: Promise<RawTcp | undefined> | undefined;

  constructor(comm: Comm, credentials: Credentials) {
    this.#comm = comm;
    this.#credentials = credentials;
  }

  /** Every rank sends `bytes` bytes to the next one through NATS, all at once. */
  async nats(
    { bytes, lanes }: { bytes: number; lanes: number },
  ): Promise<CeilingReply> {
    const { rank, size } = this.#comm;
    const subject = (rank: number, lane: number) =>
      `run.${this.#credentials.run}.raw.${rank}.${lane}`;
    const connections = await Promise.all(
      Array.from(
        { length: lanes },
        (_, lane) =>
          RawNats.open(this.#credentials, {
            from: subject(rank, lane),
            to: subject((rank + 1) % size, lane),
          }),
      ),
    );
    const each = Math.ceil(bytes / lanes);
    const messages = Math.ceil(each / MESSAGE_BYTES);
    const stream = { messages, bytes: Math.ceil(each / messages / 8) * 8 };
    for (const connection of connections) connection.prepare(stream);
    await this.#comm.barrier();
    const reply = await timed(() =>
      Promise.all(connections.map((connection) => connection.exchange(stream)))
    );
    await this.#comm.barrier();
    for (const connection of connections) connection.close();
    return reply;
  }

  /** Rank 0 sends `bytes` bytes to rank 1 over a socket; the others wait. */
  async tcp({ bytes }: { bytes: number }): Promise<CeilingReply> {
    const { rank } = this.#comm;
    const tcp = await (this.#tcp ??= this.#connect());
    await this.#comm.barrier();
    const reply = await timed(async () => {
      if (rank === 0) await tcp!.send(bytes);
      if (rank === 1) await tcp!.receive(bytes);
    });
    await this.#comm.barrier();
    return reply;
  }

  async close(): Promise<void> {
    (await this.#tcp)?.close();
  }

  async #connect(): Promise<RawTcp | undefined> {
    const { rank } = this.#comm;
    const hostname = "127.0.0.1";
    const listener = rank === 1
      ? Deno.listen({ hostname, port: 0 })
      : undefined;
    const port = await this.#comm.broadcast(listener?.addr.port ?? 0, {
      root: 1,
    });
    if (rank > 1) return undefined;
    const socket = rank === 0
      ? await Deno.connect({ hostname, port })
      : await listener!.accept();
    listener?.close();
    return new RawTcp(socket);
  }
}

async function timed(work: () => Promise<unknown>): Promise<CeilingReply> {
  const cpu = cpuUsage();
  const start = realEnv.clock.now();
  await work();
  const ms = realEnv.clock.now() - start;
  const { user, system } = cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1000 };
}
