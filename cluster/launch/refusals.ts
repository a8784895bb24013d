import type { Env } from "../../src/env/mod.ts";
import type { Control } from "../links/mod.ts";
import type { RunServer } from "./run_server.ts";

/** Something that the server did not allow. */
export interface Refusal {
  /** Address of the client, without its port. */
  client: string;
  /** The server's word for it, such as `Publish Violation - User "rank", …` */
  reason: string;
  /** Times since the last look. */
  count: number;
}

const LOOK_MS = 500;
/** A flood of attempts is not read at once. */
const MAX_BYTES = 256 * 1024;
/** Different refusals that are told one by one at a look. */
const MAX_TOLD = 16;

/** `[12] 2026/11/24 10:00:00.1 [ERR] 10.0.0.7:51234 - cid:7 - authentication error` */
const LINE =
  /\[ERR\] (\S+):\d+ - (?:cid|rid|ws):\d+ - (.*(?:authentication error|authorization|Authentication Timeout|Violation|TLS handshake error|TLS route handshake error).*)$/i;

/** Said once of a server that tells nobody whom it refuses. */
const UNSEEN =
  "this NATS server does not show us whom it refuses: --nats-system names a user who sees it";

/**
 * Tells of strangers at the run's server: from its log if it is ours, else from
 * the events of its system account, which know of connections only, else not at
 * all. The result ends it, after a last look.
 */
export function watchStrangers(
  { env, server, control, onRefusal, onWarning }: {
    env: Env;
    server: RunServer;
    /** With system credentials, if the server has some. */
    control: Control | undefined;
    onRefusal(refusal: Refusal): void;
    onWarning(message: string): void;
  },
): () => Promise<void> {
  if (server.log !== undefined) {
    return watchRefusals({ env, log: server.log, onRefusal });
  }
  if (control === undefined || server.system === undefined) {
    onWarning(UNSEEN);
    return () => Promise.resolve();
  }
  const found = new Gathered();
  control.onRefusal(({ client, reason }) => found.add(client, reason));
  const look = () => found.tell(onRefusal);
  const stop = env.timers.every(LOOK_MS, look);
  return async () => {
    await control.flush().catch(() => {});
    stop();
    look();
  };
}

/**
 * Reads in a server's log whom it refused, and what; connections are events of
 * its system account too, but publications and broken TLS only stand here.
 * The result ends it, after a last look.
 */
export function watchRefusals(
  { env, log, onRefusal }: {
    env: Env;
    log: string;
    onRefusal(refusal: Refusal): void;
  },
): () => Promise<void> {
  const state = { at: 0, rest: "" };
  let looking: Promise<void> = Promise.resolve();
  const look = () => {
    looking = looking.then(async () => {
      refusalsIn(await newText(log, state)).tell(onRefusal);
    }).catch(() => {
      // No log yet, or no more: the next look tells.
    });
    return looking;
  };
  const stop = env.timers.every(LOOK_MS, look);
  return async () => {
    stop();
    await look();
  };
}

/** Refusals since the last look, equal ones counted. */
class Gathered {
  readonly #found = new Map<string, Refusal>();

  add(client: string, words: string): void {
    // Clients choose their names and subjects: no control characters reach a log.
    const reason = words.replace(/[^\x20-\x7e]/g, "?").slice(0, 200);
    const key = `${client} ${reason}`;
    const known = this.#found.get(key);
    if (known) known.count++;
    else this.#found.set(key, { client, reason, count: 1 });
  }

  /** The first ones each, the others together. */
  tell(onRefusal: (refusal: Refusal) => void): void {
    const found = [...this.#found.values()];
    this.#found.clear();
    for (const refusal of found.slice(0, MAX_TOLD)) onRefusal(refusal);
    const more = found.slice(MAX_TOLD);
    if (more.length === 0) return;
    onRefusal({
      client: "others",
      reason: "further attempts of other kinds",
      count: more.reduce((sum, { count }) => sum + count, 0),
    });
  }
}

/** Refusals in lines of a log. */
function refusalsIn(text: string): Gathered {
  const found = new Gathered();
  for (const line of text.split("\n")) {
    const match = LINE.exec(line);
    if (match !== null) found.add(match[1]!, match[2]!);
  }
  return found;
}

/** Whole lines that are new; a log that has become shorter was begun again. */
async function newText(
  log: string,
  state: { at: number; rest: string },
): Promise<string> {
  using file = await Deno.open(log);
  const { size } = await file.stat();
  if (size < state.at) Object.assign(state, { at: 0, rest: "" });
  if (size - state.at > MAX_BYTES) {
    Object.assign(state, { at: size - MAX_BYTES, rest: "" });
  }
  await file.seek(state.at, Deno.SeekMode.Start);
  const bytes = new Uint8Array(size - state.at);
  const count = await file.read(bytes) ?? 0;
  state.at += count;
  const lines =
    (state.rest + new TextDecoder().decode(bytes.subarray(0, count)))
      .split("\n");
  state.rest = lines.pop() ?? "";
  return lines.join("\n");
}
