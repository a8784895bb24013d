import { fileURLToPath } from "node:url";
import { EnvironmentError, realEnv } from "../../src/env/mod.ts";
import {
  type NatsServer,
  startNatsServer,
} from "../../cluster/launch/nats_server.ts";
import { Peer } from "../peers/peer.ts";
import type { Tuning } from "../../cluster/communicator/tuning.ts";
import type { CeilingReply } from "./ceilings.ts";
import { ShapedProxy } from "./shaped_proxy.ts";
import type { CallReply } from "./timed_calls.ts";
import { TOGETHER_BYTES } from "./timed_calls.ts";
import type { CallName } from "./sizes.ts";
import type { LinkName } from "./worlds.ts";

const CALL_SECONDS = 300;
const PRODUCT = fileURLToPath(new URL("../../", import.meta.url));

/** What several calls in a row took, over all ranks. */
export interface Turn {
  /** Milliseconds of each call: of the slowest rank, where all begin together. */
  ms: number[];
  /** CPU milliseconds of all ranks and the server, of all calls together. */
  cpuMs: number;
  wrong: number;
  resent: number;
}

/** The milliseconds of each call over all ranks. */
export function joined(
  ranks: readonly Pick<CallReply, "ms">[],
  bytes: number,
): number[] {
  return ranks[0]!.ms.map((_, call) => {
    const times = ranks.map(({ ms }) => ms[call]!);
    return bytes > TOGETHER_BYTES
      ? Math.max(...times)
      : times.reduce((sum, ms) => sum + ms, 0) / times.length;
  });
}

export interface TeamOptions {
  size: number;
  /** Bytes per second each way between a rank and the server. */
  cap?: number | undefined;
  /** Where the ranks keep how their links are used best; they measure it first. */
  tuningFolder?: string | undefined;
}

/** Our ranks, each a process, with a NATS server of their own. */
export class Team implements AsyncDisposable {
  readonly size: number;
  readonly #server: NatsServer;
  readonly #folder: string;
  readonly #ranks: readonly Peer[];
  readonly #proxies: readonly ShapedProxy[];

  private constructor(
    server: NatsServer,
    folder: string,
    ranks: readonly Peer[],
    proxies: readonly ShapedProxy[],
  ) {
    this.size = ranks.length;
    this.#server = server;
    this.#folder = folder;
    this.#ranks = ranks;
    this.#proxies = proxies;
  }

  /** How links are used, where the ranks have measured that. */
  get tuning(): Tuning | undefined {
    return this.#ranks[0]!.about.tuning as Tuning | undefined;
  }

  /** @throws {EnvironmentError} If there is no nats-server, or a rank fails. */
  static async start(
    { size, cap, tuningFolder }: TeamOptions,
  ): Promise<Team> {
    const folder = await Deno.makeTempDir({ prefix: "signet-bench-" });
    const run = realEnv.randomBytes(6).toHex();
    const server = await startNatsServer({ env: realEnv, folder, run });
    const proxies = cap === undefined ? [] : Array.from(
      { length: size },
      () => new ShapedProxy(new URL(server.rank.url), cap),
    );
    try {
      const credentials = await Promise.all(
        proxies.map(async ({ url }, rank) => {
          const file = `${folder}/rank-${rank}.json`;
          const text = JSON.stringify({ ...server.rank, url });
          await Deno.writeTextFile(file, text, { mode: 0o600 });
          return file;
        }),
      );
      const ranks = await Promise.all(
        Array.from(
          { length: size },
          (_, rank) =>
            Peer.start(`rank ${rank}`, [Deno.execPath(), [
              "run",
              "--quiet",
              "--no-check",
              "--cached-only",
              "--allow-all",
              `--config=${PRODUCT}deno.json`,
              `${PRODUCT}bench/collectives/rank.ts`,
              `${rank}`,
              `${size}`,
              credentials[rank] ?? server.credentialsFile,
              ...(tuningFolder === undefined ? [] : [tuningFolder]),
            ]]),
        ),
      );
      return new Team(server, folder, ranks, proxies);
    } catch (cause) {
      for (const proxy of proxies) proxy.close();
      await server.stop();
      throw new EnvironmentError(
        `Cannot start ${size} ranks: ${
          cause instanceof Error ? cause.message : cause
        }`,
        { cause },
      );
    }
  }

  async call(
    request: { name: CallName; link: LinkName; bytes: number; times: number },
  ): Promise<Turn> {
    const before = await this.serverCpuMs();
    const ranks = await this.ask<CallReply>({ do: "call", ...request });
    const sum = (of: (reply: CallReply) => number) =>
      ranks.reduce((sum, reply) => sum + of(reply), 0);
    return {
      ms: joined(ranks, request.bytes),
      cpuMs: sum(({ cpuMs }) => cpuMs) + await this.serverCpuMs() - before,
      wrong: sum(({ wrong }) => wrong),
      resent: sum(({ resent }) => resent),
    };
  }

  /** Milliseconds of the slowest rank, and CPU milliseconds of all. */
  async ceiling(
    request: { do: "nats"; bytes: number; lanes: number } | {
      do: "tcp";
      bytes: number;
    },
  ): Promise<CeilingReply> {
    const before = await this.serverCpuMs();
    const ranks = await this.ask<CeilingReply>(request);
    return {
      ms: Math.max(...ranks.map(({ ms }) => ms)),
      cpuMs: ranks.reduce((sum, { cpuMs }) => sum + cpuMs, 0) +
        await this.serverCpuMs() - before,
    };
  }

  /** The replies of all ranks, in their order. */
  async ask<T>(request: Record<string, unknown>): Promise<T[]> {
    return await Promise.all(
      this.#ranks.map((rank) => rank.request(request, CALL_SECONDS)),
    ) as T[];
  }

  /** By way of a rank, which may read of other processes. */
  async serverCpuMs(): Promise<number> {
    const reply = await this.#ranks[0]!.request(
      { do: "cpu", pid: this.#server.pid },
      CALL_SECONDS,
    );
    return Number(reply.ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const rank of this.#ranks) await rank.close();
    for (const proxy of this.#proxies) proxy.close();
    await this.#server.stop();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
