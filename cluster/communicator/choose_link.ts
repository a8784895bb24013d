import type { Env } from "../../src/env/mod.ts";
import {
  connectPeers,
  type Credentials,
  type DirectAddress,
  type DirectLink,
} from "../links/mod.ts";
import type { Comm } from "./comm.ts";

/** How bulk data travels: through NATS, rank to rank, or by what is faster. */
export const LINK_WISHES = ["auto", "nats", "direct"] as const;
export type LinkWish = typeof LINK_WISHES[number];

export interface LinkChoiceOptions {
  wish: LinkWish;
  link: DirectLink;
  credentials: Credentials;
  /** Id of this rank's machine. */
  machine: string;
  env: Pick<Env, "clock" | "timers" | "randomBytes">;
  onWarning(message: string): void;
}

export interface LinkChoice {
  link: "nats" | "direct";
  /** Bandwidth of the probe's all-reduce, bytes per second; absent without a probe. */
  bytesPerSecond?: { nats: number; direct: number };
}

const CONNECT_MS = 5000;
const PROBE_BYTES = 4 * 1024 * 1024;
const PROBE_ROUNDS = 3;

/**
 * Connects the ranks directly, where wished and possible, and decides together
 * with all of them what bulk data travels over from now on: `comm` talks
 * through NATS before and over the chosen link afterwards.
 */
export async function chooseLink(
  comm: Comm,
  options: LinkChoiceOptions,
): Promise<LinkChoice> {
  const { wish, link, credentials, machine, env, onWarning } = options;
  if (wish === "nats" || comm.size === 1) return { link: "nats" };
  const { hostname } = new URL(credentials.url);
  const sockets = await connectPeers({
    env,
    rank: comm.rank,
    size: comm.size,
    machine,
    addresses: isLoopback(hostname) ? [] : addressesOfMachine(),
    timeoutMs: CONNECT_MS,
    exchange: async (own) =>
      (await comm.allGather({ ...own })) as unknown as DirectAddress[],
    onWarning,
  });
  link.enabled = false;
  link.attach(sockets);
  const missing = sockets.flatMap((socket, rank) =>
    socket === undefined && rank !== comm.rank ? [rank] : []
  );
  const anyMissing = await comm.allReduce(missing.length, { op: "sum" }) > 0;
  if (missing.length > 0) {
    onWarning(
      `no direct connection from rank ${comm.rank} to rank ${
        missing.join(", ")
      } within ${CONNECT_MS / 1000} s: ${
        wish === "direct" ? "its" : "all"
      } frames go through NATS`,
    );
  }
  if (wish === "direct") {
    link.enabled = true;
    return { link: "direct" };
  }
  if (anyMissing) return { link: "nats" };
  const nats = await probe(comm, env);
  link.enabled = true;
  const direct = await probe(comm, env);
  link.enabled = direct >= nats;
  return {
    link: link.enabled ? "direct" : "nats",
    bytesPerSecond: { nats, direct },
  };
}

/** Bandwidth of an all-reduce, the same number on all ranks. */
async function probe(
  comm: Comm,
  { clock }: Pick<Env, "clock">,
): Promise<number> {
  const data = new Float32Array(PROBE_BYTES / 4);
  let best = Infinity;
  for (let round = 0; round < PROBE_ROUNDS; round++) {
    await comm.barrier();
    const start = clock.now();
    await comm.allReduce(data);
    best = Math.min(best, clock.now() - start);
  }
  const slowest = await comm.allReduce(best, { op: "max" });
  return PROBE_BYTES / (Math.max(slowest, 1e-3) / 1000);
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" ||
    hostname.startsWith("127.");
}

/** IPv4 addresses by which other machines may reach this one. */
function addressesOfMachine(): string[] {
  return Deno.networkInterfaces()
    .filter(({ family, address }) => family === "IPv4" && !isLoopback(address))
    .map(({ address }) => address);
}
