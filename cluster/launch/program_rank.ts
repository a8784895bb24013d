import { fileURLToPath } from "node:url";
import { netPermission, writePermission } from "./rank_permissions.ts";
import { TextLineStream } from "@std/streams/text-line-stream";

/** What a rank prints where. */
export type Stream = "stdout" | "stderr";

/** A rank of a program, which a process of this machine starts and ends. */
export interface ProgramRank {
  readonly rank: number;
  readonly pid: number;
  /**
   * Exit code, 128 + n for signal n, when all its output has been passed on. What
   * it has started may hold that open: not for long, once it was told to end.
   */
  readonly ended: Promise<number>;
  /** Asks it to end; two seconds later it is killed. */
  end(): void;
  /** SIGKILL, also for the processes that it has started. */
  kill(): void;
}

export interface ProgramRankOptions {
  rank: number;
  /** Program and its arguments. */
  program: readonly string[];
  /** Words before its command. */
  before: readonly string[];
  /** They start it on another machine. */
  elsewhere: boolean;
  /** Options for `deno run`. */
  denoOptions: readonly string[];
  /** `host:port` of the NATS server. */
  server: string;
  /** Folder of how links were measured. */
  tuningFolder: string | undefined;
  env: Readonly<Record<string, string>>;
  onLine(rank: number, stream: Stream, line: string): void;
}

/**
 * Runs a command as long as the pipe on the standard input is open: the rank ends
 * with its launcher, however that ends, and takes what it has started with it
 * if it does not end by itself. Its own standard input is empty.
 */
const GUARD = `exec 3<&0 </dev/null
"$@" 3<&- & rank=$!
{ read -r line <&3; kill -TERM "$rank"; sleep 2; kill -KILL 0; } >/dev/null 2>&1 &
guard=$!
exec 3<&-
wait "$rank"; code=$?
kill "$guard" 2>/dev/null
exit "$code"`;

/** Time to read what a rank that was told to end has printed, in ms. */
const LAST_LINES_MS = 2000;

const ALLOWS_ALL = /^(?:-A|--allow-all|-P|--permission-set)(?:=|$)/;

/** What a rank may do without being allowed more: read, and reach its world. */
function permissions(
  { denoOptions, server, tuningFolder, elsewhere }: ProgramRankOptions,
): readonly string[] {
  if (denoOptions.some((option) => ALLOWS_ALL.test(option))) return [];
  return [
    "--allow-read",
    // The addresses of other machines are not known beforehand.
    netPermission(server, elsewhere),
    "--allow-env",
    "--allow-sys=hostname,networkInterfaces",
    ...(tuningFolder === undefined ? [] : [writePermission(tuningFolder)]),
  ];
}

/**
 * Starts a rank in a session of its own, so that Ctrl-C in the terminal reaches
 * only the launcher, which then decides.
 */
export function startProgramRank(options: ProgramRankOptions): ProgramRank {
  const { rank, program, before, denoOptions, env, onLine } = options;
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const hasConfig = denoOptions.some((option) => option.startsWith("--config"));
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      GUARD,
      `rank-${rank}`,
      ...before,
      Deno.execPath(),
      "run",
      "--quiet",
      "--no-prompt",
      ...(hasConfig
        ? []
        : [`--config=${config}`, "--no-lock", "--node-modules-dir=manual"]),
      ...permissions(options),
      ...denoOptions,
      ...program,
    ],
    env: { NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
  const output = Promise.all([
    passOn(child.stdout, (line) => onLine(rank, "stdout", line)),
    passOn(child.stderr, (line) => onLine(rank, "stderr", line)),
  ]);
  const told = Promise.withResolvers<void>();
  const untilRead = async () => {
    await told.promise;
    await child.status;
    await new Promise((resolve) => setTimeout(resolve, LAST_LINES_MS));
  };
  const read = Promise.race([output, untilRead()]);
  return {
    rank,
    pid: child.pid,
    ended: Promise.all([child.status, read]).then(([{ code }]) => code),
    end() {
      told.resolve();
      child.stdin.close().catch(() => {
        // It has ended by itself.
      });
    },
    kill() {
      told.resolve();
      try {
        // The session's leader is the leader of its group.
        Deno.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    },
  };
}

async function passOn(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void,
): Promise<void> {
  const lines = bytes.pipeThrough(new TextDecoderStream()).pipeThrough(
    new TextLineStream({ allowCR: false }),
  );
  for await (const line of lines) onLine(line);
}
