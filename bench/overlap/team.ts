import { fileURLToPath } from "node:url";
import { EnvironmentError, realEnv } from "../../src/env/mod.ts";
import type { KernelForm } from "../../src/gpu/mod.ts";
import {
  type NatsServer,
  startNatsServer,
} from "../../cluster/launch/nats_server.ts";
import { Peer } from "../peers/peer.ts";

const CALL_SECONDS = 300;
const PRODUCT = fileURLToPath(new URL("../../", import.meta.url));

/** Training ranks, each a process, that reach their server at a limited speed. */
export class Team implements AsyncDisposable {
  readonly #server: NatsServer;
  readonly #folder: string;
  readonly #proxies: Peer;
  readonly #ranks: readonly Peer[];

  private constructor(
    server: NatsServer,
    folder: string,
    { proxies, ranks }: { proxies: Peer; ranks: Peer[] },
  ) {
    this.#server = server;
    this.#folder = folder;
    this.#proxies = proxies;
    this.#ranks = ranks;
  }

  /** @throws {EnvironmentError} If there is no nats-server, or a rank fails. */
  static async start(size: number, form: KernelForm): Promise<Team> {
    const folder = await Deno.makeTempDir({ prefix: "signet-bench-" });
    const run = realEnv.randomBytes(6).toHex();
    const server = await startNatsServer({ env: realEnv, folder, run });
    const url = new URL(server.rank.url);
    let proxies: Peer | undefined;
    try {
      proxies = await Peer.start(
        "the proxies",
        programOf("proxies.ts", [url.port, `${size}`]),
      );
      const ports = proxies.about.ports as number[];
      const ranks = await Promise.all(ports.map(async (port, rank) => {
        const file = `${folder}/rank-${rank}.json`;
        const way = `${url.protocol}//127.0.0.1:${port}`;
        await Deno.writeTextFile(
          file,
          JSON.stringify({ ...server.rank, url: way }),
          { mode: 0o600 },
        );
        const args = [`${rank}`, `${size}`, file, form];
        return await Peer.start(`rank ${rank}`, programOf("rank.ts", args));
      }));
      return new Team(server, folder, { proxies, ranks });
    } catch (cause) {
      await proxies?.close();
      await server.stop();
      throw new EnvironmentError(
        `Cannot start ${size} ranks: ${
          cause instanceof Error ? cause.message : cause
        }`,
        { cause },
      );
    }
  }

  /** Sets the bytes per second that each rank sends and receives; Infinity does not limit. */
  async shape(rate: number): Promise<void> {
    const request = { do: "rate", rate: Number.isFinite(rate) ? rate : null };
    await this.#proxies.request(request, CALL_SECONDS);
  }

  /** The replies of all ranks, in their order. */
  async ask<T>(request: Record<string, unknown>): Promise<T[]> {
    return await Promise.all(
      this.#ranks.map((rank) => rank.request(request, CALL_SECONDS)),
    ) as T[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const rank of this.#ranks) await rank.close();
    await this.#proxies.close();
    await this.#server.stop();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function programOf(name: string, args: readonly string[]): [string, string[]] {
  return [Deno.execPath(), [
    "run",
    "--quiet",
    "--no-check",
    "--cached-only",
    "--allow-all",
    `--config=${PRODUCT}deno.json`,
    `${PRODUCT}bench/overlap/${name}`,
    ...args,
  ]];
}
