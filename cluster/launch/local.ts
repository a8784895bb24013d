import { fileURLToPath } from "node:url";
import { TextLineStream } from "@std/streams/text-line-stream";
import { mergeReadableStreams } from "@std/streams/merge-readable-streams";
import type { Variables } from "../gpus/mod.ts";
import { netPermission, writePermission } from "./rank_permissions.ts";
import { signalChild } from "./signal_child.ts";

/** Lines of a rank's output that a failure report shows. */
const TAIL_LINES = 20;
/** Longer lines are cut, so that a flood of output cannot fill the memory. */
const LINE_LENGTH = 2000;

/** Settings of the C library. */
const ALLOCATOR = "GLIBC_TUNABLES";
/**
 * Buffers of a CPU adapter are memory of its process, whose first touch costs a
 * page fault every 4 KiB, or every 2 MiB: 0.2 s of the first step.
 */
const HUGE_PAGES = "glibc.malloc.hugetlb=1";
/** Threads of a CPU adapter. */
const THREADS = "LP_NUM_THREADS";

export interface RankExit {
  code: number;
  signal: string | null;
}

/** A rank on this machine. */
export interface RankProcess {
  readonly rank: number;
  readonly pid: number;
  /** Settles after the last line of output has been kept. */
  readonly exited: Promise<RankExit>;
  /** Newest lines that it printed. */
  readonly tail: readonly string[];
  /** SIGKILL; no error when it is gone. */
  kill(): void;
}

export interface SpawnOptions {
  rank: number;
  /** Arguments behind `cluster/main.ts rank`. */
  args: readonly string[];
  /** File for stdout and stderr. */
  output: string;
  /** Folder that the rank may write. */
  runFolder: string;
  /** Folder that it may write too. */
  cacheFolder: string;
  /** `host:port` of the NATS server. */
  server: string;
  /** Other ranks may be on other machines. */
  elsewhere?: boolean;
  /** Threads of a CPU adapter; left out, its own choice. */
  threads?: number;
  /** The only cores that it may run on, as in `0,1`. */
  cores?: string;
  /** Environment in which it has the GPU that it was given. */
  variables: Variables;
  /** Words in front of its command, for the same. */
  before?: readonly string[];
}

/**
 * Starts a rank as a process of its own session, so that Ctrl-C and signals to
 * the coordinator's group reach only the coordinator, which then decides.
 *
 * The rank's stdin ends when the coordinator does, however it dies.
 */
export function spawnRank(options: SpawnOptions): RankProcess {
  const { rank, args, output, runFolder, cacheFolder, server } = options;
  const { elsewhere = false } = options;
  const { threads, cores } = options;
  const root = fileURLToPath(new URL("../../", import.meta.url));
  // What stands in front becomes the rank: the process keeps its id.
  const [program, ...before] = [
    ...(options.before ?? []),
    ...(cores === undefined ? [] : ["taskset", "-c", cores]),
    Deno.execPath(),
  ];
  const child = new Deno.Command(program!, {
    args: [
      ...before,
      "run",
      "--quiet",
      "--no-prompt",
      "--cached-only",
      "--frozen",
      "--node-modules-dir=manual",
      `--config=${root}deno.json`,
      // What a rank needs: data and code to read, its run and cache folder to write,
      // the server, and the other ranks on this machine for the direct link.
      "--allow-read",
      writePermission(runFolder, cacheFolder),
      netPermission(server, elsewhere),
      "--allow-env",
      "--allow-sys=hostname,networkInterfaces",
      root + "cluster/main.ts",
      "rank",
      ...args,
    ],
    env: {
      ...options.variables,
      NO_COLOR: "1",
      ...rankVariables(threads),
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();

  const tail: string[] = [];
  const kept = keepOutput(
    mergeReadableStreams(child.stdout, child.stderr),
    output,
    tail,
  );
  return {
    rank,
    pid: child.pid,
    tail,
    exited: Promise.all([child.status, kept]).then(([{ code, signal }]) => ({
      code,
      signal,
    })),
    kill: () => signalChild(child, "SIGKILL"),
  };
}

/** What a process that computes as a rank finds in its environment, unless ours says otherwise. */
export function rankVariables(threads?: number): Variables {
  return {
    ...(Deno.env.has(ALLOCATOR) ? {} : { [ALLOCATOR]: HUGE_PAGES }),
    ...(threads === undefined || Deno.env.has(THREADS)
      ? {}
      : { [THREADS]: String(threads) }),
  };
}

/** Appends the lines of a rank's output to a file; `tail` holds the newest. */
export async function keepOutput(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
  path: string,
  tail: string[],
): Promise<void> {
  const lines = bytes.pipeThrough(new TextDecoderStream()).pipeThrough(
    new TextLineStream({ allowCR: false }),
  );
  for await (const line of lines) {
    tail.push(line.slice(0, LINE_LENGTH));
    if (tail.length > TAIL_LINES) tail.shift();
    await Deno.writeTextFile(path, `${line}\n`, { append: true }).catch(() => {
      // A full disk must not stop the reading: the rank would block.
    });
  }
}
