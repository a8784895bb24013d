import type { Env } from "../../src/env/mod.ts";

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
      const text = await newText(log, state);
      const found = refusalsIn(text);
      for (const refusal of found.slice(0, MAX_TOLD)) onRefusal(refusal);
      const more = found.slice(MAX_TOLD);
      if (more.length > 0) {
        onRefusal({
          client: "others",
          reason: "further attempts of other kinds",
          count: more.reduce((sum, { count }) => sum + count, 0),
        });
      }
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

/** Refusals in lines of a log, equal ones counted. */
export function refusalsIn(text: string): Refusal[] {
  const found = new Map<string, Refusal>();
  for (const line of text.split("\n")) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const [, client = "", words = ""] = match;
    // Clients choose their names and subjects: no control characters reach a log.
    const reason = words.replace(/[^\x20-\x7e]/g, "?").slice(0, 200);
    const key = `${client} ${reason}`;
    const known = found.get(key);
    if (known) known.count++;
    else found.set(key, { client, reason, count: 1 });
  }
  return [...found.values()];
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
