import { availableParallelism } from "node:os";
import { ConfigError, type Env, EnvironmentError } from "../../src/env/mod.ts";
import { PLACE_VARIABLES, TUNING_VARIABLES } from "../communicator/mod.ts";
import { tuningFolderOf } from "./cache_folder.ts";
import {
  type ProgramRank,
  startProgramRank,
  type Stream,
} from "./program_rank.ts";
import { connectControl } from "../links/mod.ts";
import { programGpus, type ProgramPlace } from "./program_gpus.ts";
import { watchStrangers } from "./refusals.ts";
import { removeUnlessTold, temporaryFolder } from "./temporary_folder.ts";
import {
  openServer,
  type RunServer,
  type ServerRequest,
} from "./run_server.ts";

/** A server of our own that ends is started again at most this often. */
const MAX_RESTARTS = 3;

/** Ranks on other machines, which share the working directory. */
export interface Elsewhere {
  /** Address of this machine for them. */
  host: string;
  /** What starts a rank: words before its command. */
  command(rank: number): readonly string[];
  /** What may go wrong there. */
  warning?: string;
}

export interface LaunchOptions {
  env: Env;
  size: number;
  /** Program and its arguments. */
  program: readonly string[];
  /** Options for `deno run`. */
  denoOptions: readonly string[];
  /** Further variables for the ranks. */
  variables: Readonly<Record<string, string>>;
  /** What binds each rank of this machine to its GPU; left out, that is found out. */
  places?: readonly ProgramPlace[];
  server: ServerRequest;
  /** Left out, the ranks are processes of this machine. */
  elsewhere?: Elsewhere;
  /** Folder for a file of output per rank. */
  logFolder?: string;
  /** A rank has printed a line. */
  onLine(rank: number, stream: Stream, line: string): void;
  onWarning(message: string): void;
  /** Ends all ranks; the reason is the exit code. */
  signal: AbortSignal;
  /** Kills them. */
  atOnce: AbortSignal;
}

export interface LaunchEnd {
  code: number;
  /** The rank that failed first. */
  failed?: { rank: number; code: number };
}

/**
 * Runs a program as ranks of this machine or elsewhere, with a NATS server of their
 * own or one that is there. When one fails, the others are ended.
 */
export async function launchProgram(
  options: LaunchOptions,
): Promise<LaunchEnd> {
  const { env, size, logFolder, elsewhere, signal } = options;
  const folder = await makeFolder(elsewhere !== undefined);
  await using _left = {
    [Symbol.asyncDispose]: () => removeUnlessTold(env, folder),
  };
  const logs = new RankLogs(options.onWarning);
  if (logFolder !== undefined) await logs.open(logFolder, size);
  await using server = await openServer(
    env,
    { folder, run: env.randomBytes(6).toHex(), host: elsewhere?.host },
    options.server,
  );
  // Also finds out whether a server that is there lets us in, before any rank.
  await using control = await connectControl(server.coordinator, {
    name: "launcher",
    ...(server.system === undefined ? {} : { system: server.system }),
  });
  const { onWarning } = options;
  if (elsewhere?.warning !== undefined) onWarning(elsewhere.warning);
  const places = options.places ??
    (elsewhere === undefined
      ? await programGpus(env, { size, folder: `${folder}/gpus`, onWarning })
      : []);
  // Until here nobody has heeded it; from now on {@linkcode wait} does.
  if (signal.aborted) return { code: signal.reason };
  const threads = elsewhere !== undefined || Deno.env.has("LP_NUM_THREADS")
    ? {}
    : {
      LP_NUM_THREADS: String(
        Math.max(1, Math.floor(availableParallelism() / size)),
      ),
    };
  const tuningFolder = tuningFolderOf();
  const ranks = Array.from({ length: size }, (_, rank) =>
    startProgramRank({
      ...options,
      rank,
      before: elsewhere?.command(rank) ?? places[rank]?.before ?? [],
      elsewhere: elsewhere !== undefined,
      server: server.address,
      tuningFolder,
      env: {
        [TUNING_VARIABLES.tuning]: tuningFolder ?? "",
        ...options.variables,
        ...places[rank]?.variables,
        [PLACE_VARIABLES.rank]: String(rank),
        [PLACE_VARIABLES.size]: String(size),
        [PLACE_VARIABLES.credentials]: server.credentialsFile,
        ...threads,
      },
      onLine(rank, stream, line) {
        logs.write(rank, line);
        options.onLine(rank, stream, line);
      },
    }));
  const ending = { over: false };
  keepServer(server, ending, options.onWarning);
  const lastLook = watchStrangers({
    env,
    server,
    control,
    onWarning: options.onWarning,
    onRefusal: ({ client, reason, count }) =>
      options.onWarning(
        `the NATS server refused ${client}: ${reason} (${count} times)`,
      ),
  });
  try {
    return await wait(ranks, options);
  } finally {
    await lastLook();
    ending.over = true;
    logs.close();
  }
}

/** For the server's files, the credentials of the ranks among them. */
async function makeFolder(shared: boolean): Promise<string> {
  if (!shared) return await temporaryFolder("signet-launch-");
  const dir = Deno.cwd();
  try {
    return await Deno.makeTempDir({ dir, prefix: ".signet-launch-" });
  } catch (cause) {
    throw new EnvironmentError(
      `Cannot launch from ${dir}: ranks of other machines read a file there, and it cannot be written`,
      { cause, hint: "start it in a folder that the machines share" },
    );
  }
}

/** Waits for all ranks; the first failure or a signal ends the others. */
async function wait(
  ranks: readonly ProgramRank[],
  { signal, atOnce }: LaunchOptions,
): Promise<LaunchEnd> {
  let failed: { rank: number; code: number } | undefined;
  const endAll = () => {
    for (const rank of ranks) rank.end();
  };
  const killAll = () => {
    for (const rank of ranks) rank.kill();
  };
  signal.addEventListener("abort", endAll);
  atOnce.addEventListener("abort", killAll);
  await Promise.all(ranks.map(async ({ rank, ended }) => {
    const code = await ended;
    if (code === 0 || failed !== undefined || signal.aborted) return;
    failed = { rank, code };
    endAll();
  }));
  signal.removeEventListener("abort", endAll);
  atOnce.removeEventListener("abort", killAll);
  if (signal.aborted) return { code: signal.reason };
  return failed === undefined ? { code: 0 } : { code: failed.code, failed };
}

/** A server that dies is started again; the ranks reconnect. */
async function keepServer(
  server: RunServer,
  ending: { over: boolean },
  onWarning: (message: string) => void,
): Promise<void> {
  for (let restarts = 0; restarts <= MAX_RESTARTS; restarts++) {
    const code = await server.ended();
    if (ending.over) return;
    const again = restarts < MAX_RESTARTS;
    onWarning(
      `the NATS server ended with code ${code}${
        again ? "; it is started again" : " too often"
      }`,
    );
    if (again) {
      await server.restart().catch((error) => onWarning(error.message));
    }
  }
}

/** `rank-N.log` for each rank: what it printed, in order. */
class RankLogs {
  readonly #files: Deno.FsFile[] = [];
  readonly #onWarning: (message: string) => void;
  readonly #encoder = new TextEncoder();

  constructor(onWarning: (message: string) => void) {
    this.#onWarning = onWarning;
  }

  async open(folder: string, size: number): Promise<void> {
    try {
      await Deno.mkdir(folder, { recursive: true });
      for (let rank = 0; rank < size; rank++) {
        this.#files.push(await Deno.create(`${folder}/rank-${rank}.log`));
      }
    } catch (cause) {
      throw new ConfigError(
        `Cannot write logs of ranks into ${folder}: ${
          (cause as Error).message
        }`,
        { cause, hint: "--per-rank-log names a folder of yours" },
      );
    }
  }

  write(rank: number, line: string): void {
    const file = this.#files[rank];
    if (file === undefined) return;
    try {
      let bytes = this.#encoder.encode(`${line}\n`);
      while (bytes.length > 0) bytes = bytes.subarray(file.writeSync(bytes));
    } catch (error) {
      // A full disk must not end the program.
      this.#onWarning(`cannot write the log of rank ${rank}: ${error}`);
      delete this.#files[rank];
    }
  }

  close(): void {
    for (const file of this.#files) file?.close();
  }
}
