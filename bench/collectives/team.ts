import { EnvironmentError, realEnv } from "../../src/env/mod.ts";
import {
  type NatsServer,
  startNatsServer,
} from "../../cluster/launch/nats_server.ts";
import { Peer } from "../peers/peer.ts";
import type { CeilingReply } from "./ceilings.ts";
import type { CallReply } from "./timed_calls.ts";
import { TOGETHER_BYTES } from "./timed_calls.ts";
import type { CallName } from "./sizes.ts";
import type { LinkName } from "./worlds.ts";

const CALL_SECONDS = 300;
const PRODUCT = new URL("../../", import.meta.url).pathname;

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

/** Our ranks, each a process, with a NATS server of their own. */
export class Team implements AsyncDisposable {
  readonly size: number;
  readonly #server: NatsServer;
  readonly #folder: string;
  readonly #ranks: readonly Peer[];

  private constructor(
    server: NatsServer,
    folder: string,
    ranks: readonly Peer[],
  ) {
    this.size = ranks.length;
    this.#server = server;
    this.#folder = folder;
    this.#ranks = ranks;
  }

  /** @throws {EnvironmentError} If there is no nats-server, or a rank fails. */
  static async start(size: number): Promise<Team> {
    const folder = await Deno.makeTempDir({ prefix: "signet-bench-" });
    const run = realEnv.randomBytes(6).toHex();
    const server = await startNatsServer({ env: realEnv, folder, run });
    try {
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
              server.credentialsFile,
            ]]),
        ),
      );
      return new Team(server, folder, ranks);
    } catch (cause) {
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
    await this.#server.stop();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
