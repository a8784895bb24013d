import { ConfigError, type Env, realEnv } from "../../src/env/mod.ts";
import {
  DirectLink,
  MemoryNetwork,
  openNatsLink,
  readCredentials,
  runHash,
} from "../links/mod.ts";
import { subjectsOf } from "../protocol.ts";
import { chooseLink, LINK_WISHES, type LinkWish } from "./choose_link.ts";
import { Comm } from "./comm.ts";
import { describeWait } from "./errors.ts";
import { Exchange, type ExchangeOptions } from "./exchange.ts";
import { findPlace, type Lookup, TUNING_VARIABLES } from "./place.ts";
import { type Algorithm, ALGORITHMS } from "./selection.ts";
import { tuningFolder } from "./tuning_folder.ts";

/** Options of {@linkcode init} and {@linkcode runRanks}. */
export interface InitOptions {
  /** Longest wait without progress, in ms; 60 s by default. */
  timeoutMs?: number;
  /** How collectives are carried out; equal on all ranks. */
  collectives?: Algorithm;
  /** What bulk data travels over; equal on all ranks, `auto` by default. */
  link?: LinkWish;
  /**
   * Told of a collective that has waited for a sixth of its time; by default
   * nobody is.
   */
  onWarning?: (message: string) => void;
}

const TIMEOUT_MS = 60_000;

/**
 * Joins the world of ranks that `deno task launch` started (`MPI_Init`). Started
 * by hand, a process is the only rank of its world. Leave it with `await using`
 * or {@linkcode Comm.finalize}: an open connection keeps the process alive.
 *
 * @example
 * ```ts
 * import { init } from "@signet/signet";
 * import { strictEqual } from "node:assert";
 *
 * await using world = await init();
 * const ranks = await world.allReduce(1);
 * strictEqual(ranks, world.size);
 * ```
 *
 * @throws {EnvironmentError} If the world's server cannot be reached.
 * @throws {ConfigError} If the launcher's variables make no sense.
 */
export async function init(options: InitOptions = {}): Promise<Comm> {
  const lookup: Lookup = (name) => Deno.env.get(name);
  const place = findPlace(lookup);
  const settings = settingsOf(options, lookup);
  if (place === undefined) return (await localWorld(1, settings))[0]!.comm;
  const { rank, size } = place;
  const credentials = await readCredentials(place.credentials);
  const subjects = subjectsOf(credentials.run);
  const viaNats = await openNatsLink(credentials, {
    rank,
    size,
    name: `rank-${rank}`,
    subject: (to, lane) => subjects.data(to, lane),
  });
  const world = { run: runHash(credentials.run), generation: 1 };
  const { onWarning } = settings;
  const link = new DirectLink(viaNats, {
    now: () => realEnv.clock.now(),
    onLost: (lost) =>
      onWarning(
        `lost the direct connection from rank ${rank} to rank ${lost}: its frames go through NATS`,
      ),
  });
  const machine = Deno.hostname();
  const { comm, exchange } = await open({ ...settings, link, world }, machine);
  const { env, wish, tuning } = settings;
  try {
    await chooseLink(comm, {
      wish,
      link,
      credentials,
      machine,
      env,
      tunings: tuning === undefined
        ? undefined
        : tuningFolder(env.disk, tuning),
      onWarning,
    });
  } catch (error) {
    // Its connections would keep the process alive.
    await exchange.close();
    throw error;
  }
  return comm;
}

/**
 * Runs `program` as `size` ranks within this process, which suits tests and
 * examples: the ranks share one thread. Resolves with what each one returned.
 *
 * @example
 * ```ts
 * import { runRanks } from "@signet/signet";
 * import { deepStrictEqual } from "node:assert";
 *
 * const ranks = await runRanks(3, (comm) => comm.allGather(comm.rank));
 * deepStrictEqual(ranks[0], [0, 1, 2]);
 * ```
 *
 * @throws {RangeError} If there is no rank.
 * @throws The error of the rank that failed first.
 */
export async function runRanks<T>(
  size: number,
  program: (comm: Comm) => Promise<T> | T,
  options: InitOptions = {},
): Promise<T[]> {
  if (!(Number.isSafeInteger(size) && size > 0)) {
    throw new RangeError(
      `Cannot run ${size} ranks: a whole number from 1 on is needed`,
    );
  }
  const ranks = await localWorld(size, settingsOf(options, () => undefined));
  try {
    return await Promise.all(
      ranks.map(async ({ comm }) => await program(comm)),
    );
  } finally {
    await Promise.all(ranks.map(({ exchange }) => exchange.close()));
  }
}

interface Joined {
  comm: Comm;
  exchange: Exchange;
}

interface Settings extends Pick<ExchangeOptions, "warnAfterMs" | "deadlineMs"> {
  env: Env;
  algorithm: Algorithm;
  wish: LinkWish;
  /** Folder of what was measured before; none = nothing is measured. */
  tuning: string | undefined;
  onWarning: (message: string) => void;
}

function settingsOf(options: InitOptions, lookup: Lookup): Settings {
  const seconds = lookup(TUNING_VARIABLES.timeout);
  const deadlineMs = options.timeoutMs ??
    (seconds === undefined ? TIMEOUT_MS : Number(seconds) * 1000);
  const algorithm = options.collectives ??
    lookup(TUNING_VARIABLES.collectives) ?? "auto";
  if (!(deadlineMs > 0)) {
    throw new ConfigError(
      `Cannot use a time-out of ${seconds ?? deadlineMs}: it must be positive`,
    );
  }
  if (!ALGORITHMS.some((name) => name === algorithm)) {
    throw new ConfigError(`Cannot use "${algorithm}" for the collectives`, {
      hint: `they are ${ALGORITHMS.join(", ")}`,
    });
  }
  const wish = options.link ?? lookup(TUNING_VARIABLES.link) ?? "auto";
  if (!LINK_WISHES.some((name) => name === wish)) {
    throw new ConfigError(`Cannot use "${wish}" as the link`, {
      hint: `it is one of ${LINK_WISHES.join(", ")}`,
    });
  }
  return {
    wish: wish as LinkWish,
    tuning: lookup(TUNING_VARIABLES.tuning) || undefined,
    env: realEnv,
    warnAfterMs: deadlineMs / 6,
    deadlineMs,
    algorithm: algorithm as Algorithm,
    onWarning: options.onWarning ?? (() => {}),
  };
}

function localWorld(size: number, settings: Settings): Promise<Joined[]> {
  const network = new MemoryNetwork({ size, timers: realEnv.timers });
  const world = { run: 0, generation: 1 };
  return Promise.all(Array.from(
    { length: size },
    (_, rank) =>
      open({ ...settings, link: network.link(rank), world }, "local"),
  ));
}

/** Opens the exchange; the ranks tell each other where they are. */
async function open(
  { algorithm, onWarning, ...options }:
    & Settings
    & Pick<ExchangeOptions, "link" | "world">,
  host: string,
): Promise<Joined> {
  const { link } = options;
  const exchange = new Exchange({
    ...options,
    onWarning: (wait) => onWarning(describeWait(link.rank, wait)),
  });
  const parts = { exchange, algorithm, context: exchange.world };
  const unknown = new Array<string>(link.size).fill(host);
  try {
    const hosts = await new Comm({ ...parts, hosts: unknown }).allGather(host);
    exchange.world.nodes = hosts.map((name) => hosts.indexOf(name));
    const comm = new Comm({ ...parts, hosts }, () => exchange.close());
    return { comm, exchange };
  } catch (error) {
    await exchange.close();
    throw error;
  }
}
