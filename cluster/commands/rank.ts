import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { Console } from "../console.ts";
import {
  cacheFolderOf,
  findOwnPlace,
  type Joined,
  joinRun,
  type OwnPlace,
  placeOwn,
  rankBehind,
  type RankProcess,
  serverAddress,
  takeGpu,
  takePlace,
  tuningFolderOf,
} from "../launch/mod.ts";
import { surveyGpus } from "../gpus/mod.ts";
import { readCredentials } from "../links/mod.ts";
import { accept, type Gpu, gpu as gpuSchema } from "../protocol.ts";
import { type RankSession, type Reason, startRank } from "../rank/mod.ts";
import { GPU_OPTIONS, gpuWishOf } from "./gpu_options.ts";
import { type Options, parseOptions } from "./options.ts";
import { endOfInput } from "./end_of_input.ts";

const HELP =
  `Usage: rank --join URL --token-file FILE    a worker of train --launcher join
       rank --run-dir DIR                   a task of mpirun or srun

One rank of a run: opens this machine's GPU, joins the coordinator and trains.

  --join URL          address of the run's NATS server
  --token-file FILE   the run's token, which the coordinator has written
  --run-dir DIR       run folder, on a file system that all ranks share
  --cache-dir DIR     what may be computed anew (default: cache/ beside the run)
  --adapter cpu|gpu   computes on the CPU, or on nothing but a GPU
  --gpu-bind UUID     takes this GPU (default auto: the one of its local rank)

For launchers:
  --credentials FILE  how to reach the NATS server; left out, the run folder tells
  --rank N --size N   its place, from 0 on, and the number of ranks
  --local-rank N      its place on its machine: the first starts a server there
  --node NAME         name of its machine
  --life ID           life of the run to join
  --gpu JSON          the device that it was bound to
  --attached          end when standard input ends

Examples:
  sh cluster/run.sh rank --join nats://10.0.0.5:4222 --token-file token.json
  mpirun -n 4 sh cluster/run.sh rank --run-dir runs/x`;

/** How long a worker waits for a coordinator that gives it a place. */
const JOIN_MS = 60_000;

/** Signals that ask for a checkpoint. SIGUSR1 would open the inspector. */
const STOP_SIGNALS = ["SIGTERM", "SIGUSR2"] as const;

/** One rank; started by launchers. */
export async function rank(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "rank",
    string: [
      "join",
      "token-file",
      "credentials",
      "run-dir",
      "cache-dir",
      "node",
      "life",
      "gpu",
      ...GPU_OPTIONS.string,
    ],
    number: ["rank", "size", "local-rank"],
    boolean: ["attached", "help"],
    positional: 0,
  });
  if (options.boolean("help")) {
    new Console(realEnv).result(HELP);
    return 0;
  }
  const bound = boundGpu(options);
  const wish = gpuWishOf(options);
  // A machine that lacks one takes no place that another could have.
  const survey = bound ? undefined : await surveyGpus(realEnv, {
    wish: wish.adapter,
    lookup: (name) => Deno.env.get(name),
  });
  const { localRank, ...place } = await findRun(options);
  const { runFolder } = place;
  const cacheFolder = options.string("cache-dir") ?? cacheFolderOf(runFolder);
  const common = { ...place, cacheFolder };
  const terminal = new Console(realEnv);
  const placement = bound ? undefined : await placeOwn(realEnv, {
    wish,
    survey,
    localRank,
    folder: `${runFolder}/gpus`,
  });
  const tell = ({ message, hint }: Reason) => {
    terminal.urgent(`error: ${message}`);
    if (hint !== undefined) terminal.urgent(`hint: ${hint}`);
  };
  // Nobody reads the output of a worker but the one who has started it.
  const isWorker = options.string("token-file") !== undefined;
  const session = placement?.before !== undefined
    ? sessionOf(
      rankBehind({ ...common, placement }),
      (line) => isWorker && terminal.urgent(line),
    )
    : await startRank({
      env: realEnv,
      ...common,
      gpu: bound ?? takeGpu(placement!),
      tuningFolder: tuningFolderOf(cacheFolder),
      join: common.url,
      host: Deno.hostname(),
      pid: Deno.pid,
      deno: Deno.version.deno,
      onFailure: (reason) => isWorker && tell(reason),
      exit(code, reason) {
        tell(reason);
        realEnv.exit(code);
      },
    });
  for (const signal of STOP_SIGNALS) {
    Deno.addSignalListener(signal, () => session.onSignal(signal));
  }
  if (options.boolean("attached")) {
    endOfInput().then(() => session.onCoordinatorLost());
  }
  return await session.done;
}

/** A rank in a process of its own, which ends with this one. */
function sessionOf(
  { pid, exited, tail, kill }: RankProcess,
  say: (line: string) => void,
): RankSession {
  return {
    onSignal: (signal) => Deno.kill(pid, signal as Deno.Signal),
    onCoordinatorLost: kill,
    done: exited.then(({ code }) => {
      if (code !== 0) tail.forEach(say);
      return code;
    }),
  };
}

type Found = Joined & {
  runFolder: string;
  /** Place among the ranks of its machine. */
  localRank: number;
};

/** The run to join: named in full, found by its token, or through its folder. */
async function findRun(options: Options): Promise<Found> {
  const required = <T>(name: string, value: T | undefined): T => {
    if (value !== undefined) return value;
    throw new ConfigError(`Cannot start a rank: --${name} is missing`, {
      hint: "sh cluster/run.sh rank --help tells what belongs together",
    });
  };
  const url = options.string("join");
  if (url !== undefined) serverAddress("--join", url);
  const tokenFile = options.string("token-file");
  const folder = options.string("run-dir");
  if (tokenFile !== undefined) {
    const join = required("join", url);
    const place = await takePlace(realEnv, {
      tokenFile,
      ...(folder === undefined ? {} : { runFolder: folder }),
      join,
      host: Deno.hostname(),
      timeoutMs: JOIN_MS,
    });
    return { ...place, url: join, credentials: tokenFile };
  }
  const credentials = options.string("credentials");
  if (url !== undefined && credentials === undefined) {
    required("token-file", tokenFile);
  }
  const place = placeOf(options);
  const localRank = place?.localRank ?? 0;
  const runFolder = required("run-dir", folder);
  if (credentials === undefined) {
    const life = options.string("life");
    const found = await joinRun(realEnv, {
      runFolder,
      place: required("rank", place),
      ...(life === undefined ? {} : { life }),
    });
    return { ...found, runFolder, localRank };
  }
  const { rank, size } = required("rank", place);
  return {
    rank,
    size,
    credentials,
    runFolder,
    localRank,
    url: url ?? (await readCredentials(credentials)).url,
  };
}

/** The GPU that a launcher of this machine has bound. */
function boundGpu(options: Options): Gpu | undefined {
  const text = options.string("gpu");
  if (text === undefined) return undefined;
  const bound = accept(gpuSchema, parseJson(text));
  if (bound !== undefined) return bound;
  throw new ConfigError(`Cannot start a rank: --gpu ${text} is no device`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The place in the options, else the one that mpirun or srun gave. */
function placeOf(options: Options): OwnPlace | undefined {
  const [rank, size, localRank] = ["rank", "size", "local-rank"].map((name) =>
    options.number(name)
  );
  if (rank === undefined) return findOwnPlace((name) => Deno.env.get(name));
  if (size === undefined) {
    throw new ConfigError("Cannot start a rank: --size is missing");
  }
  if (rank >= size) {
    throw new ConfigError(`Cannot start rank ${rank} of ${size} ranks`);
  }
  const node = options.string("node");
  return {
    rank,
    size,
    together: false,
    launcher: "the launcher",
    ...(localRank === undefined ? {} : { localRank }),
    ...(node === undefined ? {} : { node }),
  };
}
