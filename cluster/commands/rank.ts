import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { Console } from "../console.ts";
import { cacheFolderOf } from "../launch/mod.ts";
import { startRank } from "../rank/mod.ts";
import { parseOptions } from "./options.ts";

const HELP =
  `Usage: rank --credentials FILE --rank N --size N --run-dir DIR [options]

One rank of a run: opens this machine's GPU, joins the coordinator and trains.
Launchers start it; by hand only to look into a failure.

  --credentials FILE  how to reach the NATS server; the run's nats/rank.json
  --join URL          address of the server, when it is not the one in FILE
  --rank N            its place, from 0 on
  --size N            number of ranks
  --run-dir DIR       run folder, on a file system that all ranks share
  --cache-dir DIR     what may be computed anew (default: cache/ beside the run)
  --attached          end when standard input ends

Example:
  deno run -P=app cluster/main.ts rank --credentials runs/x/nats/rank.json \\
    --rank 1 --size 2 --run-dir runs/x`;

/** Signals that ask for a checkpoint. SIGUSR1 would open the inspector. */
const STOP_SIGNALS = ["SIGTERM", "SIGUSR2"] as const;

/** One rank; started by launchers. */
export async function rank(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "rank",
    string: ["join", "credentials", "run-dir", "cache-dir"],
    number: ["rank", "size"],
    boolean: ["attached", "help"],
    positional: 0,
  });
  if (options.boolean("help")) {
    new Console(realEnv).result(HELP);
    return 0;
  }
  const required = <T>(name: string, value: T | undefined): T => {
    if (value !== undefined) return value;
    throw new ConfigError(`Cannot start a rank: --${name} is missing`);
  };
  const index = required("rank", options.number("rank"));
  const size = required("size", options.number("size"));
  if (index >= size) {
    throw new ConfigError(`Cannot start rank ${index} of ${size} ranks`);
  }
  const join = options.string("join");
  const runFolder = required("run-dir", options.string("run-dir"));
  const handle = await startRank({
    env: realEnv,
    rank: index,
    size,
    credentials: required("credentials", options.string("credentials")),
    runFolder,
    cacheFolder: options.string("cache-dir") ?? cacheFolderOf(runFolder),
    ...(join === undefined ? {} : { join }),
    host: Deno.hostname(),
    pid: Deno.pid,
    deno: Deno.version.deno,
    exit: (code) => realEnv.exit(code),
  });
  for (const signal of STOP_SIGNALS) {
    Deno.addSignalListener(signal, () => handle.onSignal(signal));
  }
  if (options.boolean("attached")) {
    endOfInput().then(() => handle.onCoordinatorLost());
  }
  return await handle.done;
}

/** Resolves when whoever holds the other end of standard input has gone. */
async function endOfInput(): Promise<void> {
  const rest = new Uint8Array(256);
  while (await Deno.stdin.read(rest) !== null);
}
