import type { Env } from "../../src/env/mod.ts";
import type { PhaseName, PhaseSummary } from "../../src/phases/engine.ts";
import { phaseWork } from "../../src/phases/work.ts";
import { listCheckpoints, RunFolder } from "../../src/run/mod.ts";
import {
  Coordinator,
  type Failure,
  initialState,
  Journal,
  LIMITS,
  type Observer,
  readDone,
  readTeams,
  type RunEnd,
  RunRecord,
  splitWish,
  type StopRequest,
} from "../coordinator/mod.ts";
import { connectControl } from "../links/mod.ts";
import { subjectsOf } from "../protocol.ts";
import { hashOf } from "../version.ts";
import { cacheFolderOf } from "./cache_folder.ts";
import { FreshRun } from "./fresh_run.ts";
import { checkInputs } from "./inputs.ts";
import { meetingFile, writeShared } from "./meeting.ts";
import type { RunChoice } from "./run_choice.ts";
import { watchStrangers } from "./refusals.ts";
import { lockRun } from "./run_lock.ts";
import { takePhases } from "./take_phases.ts";
import {
  openServer,
  type RunServer,
  type ServerRequest,
} from "./run_server.ts";
import { GPU_DEFAULTS, type GpuWish } from "./own_gpu.ts";
import { localStarter, type StartedRank, type Starter } from "./starter.ts";

/** A server of our own that ends is started again at most this often. */
const MAX_RESTARTS = 3;

/** Time for killed processes to end, in ms. */
const LAST_MS = 5000;

export interface TrainRunOptions {
  env: Env;
  choice: RunChoice;
  /** Number of ranks. */
  size: number;
  /** Signet's version. */
  version: string;
  /** Hash of the code that ranks must have. */
  code: Promise<string>;
  server: ServerRequest;
  /** Kept back for the last checkpoint: seconds that ranks may take for it. */
  reserve?: number | undefined;
  /** Runs, and folders of runs, whose finished phases are taken where they are the same. */
  from?: readonly string[];
  /** How the ranks come to be; by default as processes of this machine. */
  starter?: Starter;
  /** What ranks compute on; left out, a GPU each where there are any. */
  gpus?: GpuWish;
  observer: Observer;
  /** Called once, with what has been decided, before anything is started. */
  onPlan(plan: RunPlan): void;
  /** The server and the ranks are being started. */
  onStart(
    about: {
      url: string;
      pids: readonly number[];
      by?: string;
      /** It is told who comes: that may take long. */
      waits: boolean;
    },
  ): void;
  /** Receives a function that asks for an early end. */
  onStoppable(stop: (request: StopRequest) => void): void;
}

export interface RunPlan {
  folder: string;
  size: number;
  resumed: boolean;
  /** Enabled phases, in order. */
  phases: readonly PhaseName[];
  /** Phases that earlier lives of the run have finished. */
  done: readonly PhaseName[];
  /** Those of them that were taken from other runs now, and from which. */
  taken: ReadonlyMap<PhaseName, string>;
}

export interface TrainRunEnd {
  code: number;
  failure?: Failure;
  /** Newest output of the rank that failed. */
  tail: readonly string[];
  /** Names of the checkpoints, newest phase last. */
  checkpoints: readonly string[];
  summaries: ReadonlyMap<PhaseName, PhaseSummary>;
  /** Ranks were lost, without which the others went on. */
  lossy: boolean;
  /** This life has left something that the next one need not do again. */
  progressed: boolean;
  /** Nothing was done, and no log tells more than the failure: the run folder is gone. */
  gone: boolean;
}

/** Runs the remaining phases of a run on ranks of this machine. */
export async function trainRun(options: TrainRunOptions): Promise<TrainRunEnd> {
  const { env, choice, size, observer, gpus = GPU_DEFAULTS } = options;
  const { config, folder: path, resumed } = choice;
  await checkInputs(env, choice);
  const attempt = await FreshRun.at(env.disk, path);
  const folder = await RunFolder.create(env.disk, path);
  const lost: { act?: (cause: string) => void } = {};
  await using _lock = await lockRun(path, (cause) => lost.act?.(cause));
  attempt.kept = resumed;
  await using _attempt = attempt;
  const text = `${JSON.stringify(config, null, 2)}\n`;
  await env.disk.write(`${path}/config.json`, text);

  const journal = new Journal(env, path);
  await journal.mend();
  const version = await options.code;
  const taken = await takePhases(env, {
    from: options.from ?? [],
    folder,
    config,
    code: version,
    journal,
  });
  attempt.kept ||= taken.size > 0;
  const done = await readDone(env.disk, path);
  const work = phaseWork(config);
  const phases = [...work.keys()];
  const left = phases.filter((phase) => !done.has(phase));
  options.onPlan({
    folder: path,
    size,
    resumed,
    phases,
    done: phases.filter((phase) => done.has(phase)),
    taken,
  });
  const checkpoints = async () =>
    (await listCheckpoints(env.disk, path))
      .sort((a, b) =>
        phases.indexOf(a.phase as PhaseName) -
          phases.indexOf(b.phase as PhaseName) || a.step - b.step
      )
      .map(({ name }) => name);
  const before = await checkpoints();
  const earlier = await folder.readJson("run.json");
  const life = env.randomBytes(6).toHex();
  const record = new RunRecord(env, {
    folder,
    phases,
    done,
    earlier,
    fixed: {
      id: typeof earlier?.id === "string" ? earlier.id : life,
      life,
      name: config.name,
      started: new Date(env.clock.wall()).toISOString(),
      host: Deno.hostname(),
      pid: Deno.pid,
      versions: {
        signet: options.version,
        code: version,
        deno: Deno.version.deno,
        os: `${Deno.build.os} ${Deno.osRelease()}`,
      },
    },
  });
  await record.begin();
  if (left.length === 0) {
    return {
      code: 0,
      tail: [],
      checkpoints: before,
      summaries: done,
      lossy: false,
      progressed: false,
      gone: false,
    };
  }

  const starter = options.starter ?? localStarter();
  const teams = await readTeams(env.disk, path, size);
  const state = initialState({
    at: env.clock.now(),
    size,
    phases: left,
    version,
    config: await hashOf(text),
    onRankLoss: config.onRankLoss,
    split: {
      wish: splitWish(config),
      work,
      summaries: done,
      ...(teams === undefined ? {} : { teams }),
    },
    allowShared: gpus.allowShared,
    mixed: config.mixed,
    waits: starter.waits ?? false,
    limits: {
      dead: config.timeouts.heartbeatSeconds * 1000,
      step: config.timeouts.progressSeconds * 1000,
      stop: Math.max(LIMITS.stop, 1000 * (options.reserve ?? 0)),
    },
  });

  const files = `${path}/nats`;
  await using server = await openServer(
    env,
    { folder: files, run: life, host: starter.host },
    options.server,
  );
  await using control = await connectControl(server.coordinator, {
    name: "coordinator",
    ...(server.system === undefined ? {} : { system: server.system }),
  });
  await journal.append({
    event: "started",
    run: life,
    size,
    phases: left,
    resumed,
  });
  const { node = Deno.hostname(), hosts = {} } = starter;
  const { servers } = server;
  await writeShared(meetingFile(path), {
    life,
    size,
    node,
    url: server.url,
    ...(servers === undefined ? {} : { servers: { ...servers, hosts } }),
  });
  const subjects = subjectsOf(life);
  const processes = await starter.start({
    env,
    size,
    runFolder: path,
    cacheFolder: cacheFolderOf(path),
    life,
    server,
    control,
    subjects,
    gpus,
  });
  options.onStart({
    url: server.url,
    pids: processes.flatMap(({ pid }) => pid === undefined ? [] : [pid]),
    ...(starter.about === undefined ? {} : { by: starter.about }),
    waits: starter.waits ?? false,
  });
  const coordinator = new Coordinator({
    env,
    runFolder: path,
    control,
    subjects,
    processes,
    watchClients: server.system !== undefined,
    observer: {
      onProgress: (shown) => observer.onProgress(shown),
      onWarning: (message) => observer.onWarning(message),
      async onRecord(entry) {
        starter.onRecord?.(entry);
        await record.take(entry).catch((error) =>
          observer.onWarning(`cannot write ${path}: ${error.message}`)
        );
        await observer.onRecord(entry);
      },
    },
    state,
  });
  lost.act = (cause) => coordinator.serverLost(cause);
  options.onStoppable((request) => coordinator.stop(request));
  keepServer(server, coordinator, observer);
  const lastLook = watchStrangers({
    env,
    server,
    control,
    onRefusal: (refusal) => coordinator.stranger(refusal),
    onWarning: (message) => observer.onWarning(message),
  });
  const kept = attempt.kept;
  attempt.kept = true;
  const end = await coordinator.run();
  await lastLook();
  await endOfAll(processes, options);
  const after = await checkpoints();
  const progressed = record.summaries.size > done.size ||
    after.some((name) => !before.includes(name));
  const trained = progressed ||
    await env.disk.stat(`${path}/metrics.jsonl`) !== undefined;
  attempt.kept = kept || trained || tellsMore(end, record);
  const culprit = processes.find(({ rank }) => rank === end.failure?.rank);
  return {
    ...end,
    tail: culprit?.tail ?? await lastOutput(env, path, end.failure?.rank),
    checkpoints: after,
    summaries: record.summaries,
    lossy: record.lossy,
    progressed,
    gone: !attempt.kept,
  };
}

/** Whether the folder of a run that has trained nothing may still be of use. */
function tellsMore({ failure }: RunEnd, { met }: RunRecord): boolean {
  if (failure === undefined) return met;
  // What is wrong with a configuration or the data is said in full.
  return failure.exitCode !== 2 || failure.stack !== undefined ||
    !(failure.kind === "reported" || failure.kind === "refused");
}

/** A process that hangs in its driver or on a lost disk cannot be waited for. */
async function endOfAll(
  processes: readonly StartedRank[],
  { env: { timers }, observer }: TrainRunOptions,
): Promise<void> {
  const left = new Set(processes);
  const over = Promise.withResolvers<void>();
  const cancel = timers.after(LAST_MS, over.resolve);
  const ends = processes.map(async (process) => {
    await process.exited;
    left.delete(process);
  });
  await Promise.race([Promise.all(ends), over.promise]);
  cancel();
  for (const { rank, pid = "unknown" } of left) {
    observer.onWarning(
      `rank ${rank} (pid ${pid}) was killed and does not end: does it hang in a driver, or on a lost disk?`,
    );
  }
}

/** Newest lines that a rank wrote into its file of the log folder. */
async function lastOutput(
  env: Env,
  runFolder: string,
  rank: number | undefined,
): Promise<string[]> {
  if (rank === undefined) return [];
  const file = `${runFolder}/logs/rank-${rank}.stderr`;
  const text = await env.disk.readText(file).catch(() => "");
  return text.trim().split("\n").filter((line) => line !== "").slice(-20);
}

/** A server of our own that dies is started again; the ranks reconnect. */
async function keepServer(
  server: RunServer,
  coordinator: Coordinator,
  observer: Observer,
): Promise<void> {
  for (let restarts = 0;; restarts++) {
    const code = await server.ended();
    if (coordinator.over) return;
    const cause = `the NATS server ended with code ${code}`;
    if (restarts === MAX_RESTARTS) return coordinator.serverLost(cause);
    observer.onWarning(`${cause}; it is started again`);
    try {
      await server.restart();
    } catch (error) {
      return coordinator.serverLost(
        `${cause} and does not start again: ${(error as Error).message}`,
      );
    }
  }
}
