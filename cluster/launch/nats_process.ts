import { type Env, EnvironmentError } from "../../src/env/mod.ts";

/**
 * Keeps the server alive as long as the pipe on its standard input is open: it
 * ends with the process that started it, however that ends, and takes its folder
 * with it if nobody said a word before. `$1` is the server, `$2` its
 * configuration, `$3` its folder, `$4` the log. `$5` is a named pipe to read
 * instead, whose writers may be several processes.
 */
const GUARD = `if [ -n "$5" ]; then exec 3<"$5"; else exec 3<&0; fi
exec </dev/null
"$1" -c "$2" --ports_file_dir "$3" -l "$4" 3<&- & server=$!
{
  read -r line <&3 || true >"$3/orphaned"
  kill -TERM "$server"; kill -CONT "$server"
} 2>/dev/null &
guard=$!
exec 3<&-
wait "$server"; code=$?
kill -KILL "$guard" 2>/dev/null; wait "$guard"
[ ! -e "$3/orphaned" ] || rm -rf "$3"
exit "$code"`;

/** Said to the guard before the pipe closes: the folder stays. */
const FAREWELL = new TextEncoder().encode("stop\n");

/**
 * The server allocates each message; with Go's usual setting it collects its few
 * megabytes of garbage after every few messages.
 */
const GARBAGE_PERCENT = "400";
const START_MS = 10_000;
const POLL_MS = 20;

/** What its log says of its end, as in `[7] 2026/11/30 03:10:04.795548 [FTL] …`. */
const FATAL = /\[FTL\] (.+)$/;

/** A block of any disk. */
const PAGE = " ".repeat(4096);

export interface NatsProcess {
  /** Address that clients connect to. */
  url: string;
  /** `host:port` for other servers, when it has a cluster. */
  cluster?: string;
  /** Of the server itself. */
  pid: number;
  /** Resolves with the exit code when the server has ended. */
  ended: Promise<number>;
  stop(): Promise<void>;
}

/**
 * Starts a server and waits until it listens. Should this process end without
 * stopping it, `folder` goes with it.
 *
 * The server has a session of its own, so that Ctrl-C in the terminal, which is
 * for the run as a whole, does not cut the ranks off before they have saved.
 *
 * @throws {EnvironmentError} With the end of its log, if it does not start.
 */
export async function startNatsProcess(
  { env, binary, config, folder, lifeline = "" }: {
    env: Env;
    binary: string;
    config: string;
    folder: string;
    /** Named pipe whose holders the server serves; left out, this process. */
    lifeline?: string | undefined;
  },
): Promise<NatsProcess> {
  const log = `${folder}/nats-server.log`;
  for (const file of await portsFiles(folder)) await env.disk.remove(file);
  // Of a server whose owner was killed, and whose guard with it.
  await env.disk.remove(`${folder}/orphaned`);
  const child = new Deno.Command("sh", {
    args: ["-c", GUARD, "nats-guard", binary, config, folder, log, lifeline],
    env: { GOGC: Deno.env.get("GOGC") ?? GARBAGE_PERCENT },
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  const stop = async () => {
    const word = child.stdin.getWriter();
    await word.write(FAREWELL).catch(() => {});
    await word.close().catch(() => {});
    word.releaseLock();
    await child.status;
  };
  const state: { code?: number } = {};
  const ended = child.status.then(({ code }) => state.code = code);
  const since = env.clock.now();
  while (state.code === undefined && env.clock.now() - since < START_MS) {
    const found = await readPorts(folder);
    if (typeof found === "object") {
      return {
        ...found,
        ended,
        stop,
      };
    }
    if (found === "half") {
      const full = await checkRoom(env, folder).then(() => false, () => true);
      if (full) break;
    }
    await env.timers.sleep(POLL_MS);
  }
  await stop();
  await checkRoom(env, folder);
  throw await notStarted(env, { binary, log });
}

/** A full disk leaves the server without a word. */
async function checkRoom(env: Env, folder: string): Promise<void> {
  await env.disk.write(`${folder}/room`, PAGE);
  await env.disk.remove(`${folder}/room`);
}

/** Why it did not start: in its own words, or where all of them are. */
async function notStarted(
  env: Env,
  { binary, log }: { binary: string; log: string },
): Promise<EnvironmentError> {
  const text = await env.disk.readText(log).catch(() => "");
  const lines = text.trim().split("\n");
  const fatal = lines.flatMap((line) => FATAL.exec(line)?.slice(1) ?? []);
  const what = `Cannot start nats-server (${binary})`;
  if (fatal.length > 0) {
    await env.disk.remove(log);
    return new EnvironmentError(`${what}: ${fatal.join(" | ")}`);
  }
  const last = lines.slice(-3).join(" | ") || "it wrote no log";
  return new EnvironmentError(`${what}: ${last}`, {
    hint: `Its log is ${log}`,
  });
}

async function portsFiles(folder: string): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  return names.filter((name) => /^nats-server_\d+\.ports$/.test(name))
    .map((name) => `${folder}/${name}`);
}

/** What the ports file says; `half` where the server has not written it completely. */
async function readPorts(
  folder: string,
): Promise<Pick<NatsProcess, "url" | "pid" | "cluster"> | "half" | undefined> {
  const files = await portsFiles(folder);
  for (const file of files) {
    try {
      const ports = JSON.parse(await Deno.readTextFile(file));
      const url = ports.nats?.[0];
      const cluster = ports.cluster?.[0];
      const pid = Number(file.match(/_(\d+)\.ports$/)?.[1]);
      if (typeof url !== "string") continue;
      return {
        url,
        pid,
        ...(cluster === undefined ? {} : { cluster: new URL(cluster).host }),
      };
    } catch {
      // Half written: the next look finds it whole.
    }
  }
  return files.length > 0 ? "half" : undefined;
}
