import { realEnv } from "../../src/env/mod.ts";

const CHUNK_BYTES = 64 * 1024;
/** Timers are this coarse: shorter waits are saved up. */
const SLACK_MS = 2;

/** Lets so many bytes pass in a second. */
class Bucket {
  readonly #bytesPerMs: number;
  /** When all that has passed would have passed on an even line. */
  #until = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  async pass(bytes: number): Promise<void> {
    const now = realEnv.clock.now();
    // What was not used is lost but for what a coarse timer oversleeps.
    this.#until = Math.max(this.#until, now - SLACK_MS) +
      bytes / this.#bytesPerMs;
    const wait = this.#until - now;
    if (wait > SLACK_MS) await realEnv.timers.sleep(wait);
  }
}

/**
 * Stands between a rank and its server like a network card: so many bytes a
 * second each way, for all connections together.
 */
export class ShapedProxy {
  readonly #listener: Deno.TcpListener;
  readonly #up: Bucket;
  readonly #down: Bucket;
  readonly #sockets = new Set<Deno.Conn>();

  constructor(server: URL, bytesPerSecond: number) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#up = new Bucket(bytesPerSecond);
    this.#down = new Bucket(bytesPerSecond);
    this.#serve(server);
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#listener.addr.port}`;
  }

  close(): void {
    this.#listener.close();
    for (const socket of this.#sockets) this.#end(socket);
  }

  async #serve({ hostname, port }: URL): Promise<void> {
    try {
      for await (const client of this.#listener) {
        const server = await Deno.connect({ hostname, port: Number(port) });
        for (const socket of [client, server]) {
          socket.setNoDelay();
          this.#sockets.add(socket);
        }
        this.#pump(client, server, this.#up);
        this.#pump(server, client, this.#down);
      }
    } catch {
      // The listener was closed, or the server is gone.
    }
  }

  async #pump(from: Deno.Conn, to: Deno.Conn, bucket: Bucket): Promise<void> {
    const chunk = new Uint8Array(CHUNK_BYTES);
    try {
      for (;;) {
        const count = await from.read(chunk);
        if (!count) break;
        await bucket.pass(count);
        for (let written = 0; written < count;) {
          written += await to.write(chunk.subarray(written, count));
        }
      }
    } catch {
      // One of the two has ended.
    }
    this.#end(from);
    this.#end(to);
  }

  #end(socket: Deno.Conn): void {
    if (!this.#sockets.delete(socket)) return;
    socket.close();
  }
}
