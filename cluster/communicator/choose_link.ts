import type { Env } from "../../src/env/mod.ts";
import {
  connectPeers,
  type Credentials,
  type DirectAddress,
  type DirectLink,
  isLoopback,
  ownAddresses,
} from "../links/mod.ts";
import type { Comm } from "./comm.ts";
import type { Json } from "./elements.ts";
import { bandwidth, openLanes, sweepFlow } from "./sweep.ts";
import type { Tuning, TuningStore } from "./tuning.ts";

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
  /** Where rank 0 finds what was measured before; left out, nothing is tuned. */
  tunings?: TuningStore | undefined;
  /** The ranks meet no more. */
  signal?: AbortSignal;
  /** Size of the all-reduces that tune links, in bytes. */
  sweepBytes?: number | undefined;
  onWarning(message: string): void;
}

export interface LinkChoice {
  link: "nats" | "direct";
  /** Bandwidth of the probes' all-reduce, bytes per second; absent without a probe. */
  bytesPerSecond?: { nats?: number; direct?: number };
  /** How link and collectives are used, where that was measured. */
  tuning?: Tuning;
}

const CONNECT_MS = 5000;
/** Enough to tell two links apart. */
const PROBE_BYTES = 4 * 1024 * 1024;
/** A large bucket of training: segments of all sizes occur. */
const SWEEP_BYTES = 16 * 1024 * 1024;

/**
 * Connects the ranks directly, where wished and possible, and decides together
 * with all of them what bulk data travels over from now on, and how: `comm` talks
 * through NATS before and over the chosen link afterwards.
 *
 * With `tunings` the links are measured once for each set of machines; later
 * worlds take over what was found then.
 */
export async function chooseLink(
  comm: Comm,
  options: LinkChoiceOptions,
): Promise<LinkChoice> {
  const { wish, link, env, tunings } = options;
  if (comm.size === 1) return { link: "nats" };
  const complete = wish !== "nats" && await connect(comm, options);
  const key = { hosts: comm.hosts, wish };
  const found = comm.rank === 0 ? await tunings?.read(key) : undefined;
  const { tunes, known } = await comm.broadcast<Json>({
    tunes: tunings !== undefined,
    known: (found ?? null) as unknown as Json,
  }) as unknown as { tunes: boolean; known: Tuning | null };
  if (known !== null && (known.link === "nats" || complete)) {
    await openLanes({ comm, link }, known.nats.lanes);
    link.flows = known;
    link.enabled = known.link === "direct";
    return { link: known.link, tuning: known };
  }
  const candidates = wish === "auto" && complete
    ? ["nats", "direct"] as const
    : [wish === "direct" ? "direct" : "nats"] as const;
  const sweep = {
    comm,
    link,
    clock: env.clock,
    bytes: tunes ? options.sweepBytes ?? SWEEP_BYTES : PROBE_BYTES,
  };
  const rates: { nats?: number; direct?: number } = {};
  for (const name of candidates) {
    link.enabled = name === "direct";
    if (tunes) rates[name] = await sweepFlow(sweep);
    else if (candidates.length > 1) rates[name] = await bandwidth(sweep);
  }
  link.enabled = candidates.length > 1
    ? rates.direct! >= rates.nats!
    : candidates[0] === "direct";
  const choice: LinkChoice = {
    link: link.enabled ? "direct" : "nats",
    ...(Object.keys(rates).length === 0 ? {} : { bytesPerSecond: rates }),
  };
  if (!tunes) return choice;
  const tuning: Tuning = { link: choice.link, ...link.flows };
  // A connection that failed by chance must not decide for the worlds to come.
  const lasts = comm.rank === 0 && (complete || wish === "nats");
  if (lasts) await tunings?.write(key, tuning);
  return { ...choice, tuning };
}

/** Whether all pairs of ranks have a connection now. */
async function connect(
  comm: Comm,
  { wish, link, credentials, machine, env, signal, onWarning }:
    LinkChoiceOptions,
): Promise<boolean> {
  const { hostname } = new URL(credentials.url);
  const sockets = await connectPeers({
    env,
    rank: comm.rank,
    size: comm.size,
    machine,
    addresses: isLoopback(hostname) ? [] : ownAddresses(),
    timeoutMs: CONNECT_MS,
    ...(signal === undefined ? {} : { signal }),
    exchange: async (own) =>
      (await comm.allGather({ ...own })) as unknown as DirectAddress[],
    onWarning,
  });
  link.enabled = false;
  link.attach(sockets);
  signal?.throwIfAborted();
  const missing = sockets.flatMap((socket, rank) =>
    socket === undefined && rank !== comm.rank ? [rank] : []
  );
  if (missing.length > 0) {
    onWarning(
      `no direct connection from rank ${comm.rank} to rank ${
        missing.join(", ")
      } within ${CONNECT_MS / 1000} s: ${
        wish === "direct" ? "its" : "all"
      } frames go through NATS`,
    );
  }
  return await comm.allReduce(missing.length, { op: "sum" }) === 0;
}
