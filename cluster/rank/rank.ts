import { parseConfig } from "../../src/config/mod.ts";
import { diskError, type Env, SignetError } from "../../src/env/mod.ts";
import { DeviceLostError } from "../../src/gpu/mod.ts";
import type { EngineOptions, Progress } from "../../src/phases/engine.ts";
import {
  type EarlyStart,
  type Engine,
  openEngine,
} from "../../src/phases/mod.ts";
import { CollectiveTimeoutError, CommWorker } from "../communicator/mod.ts";
import { recogniseFailure } from "../gpus/mod.ts";
import { type Credentials, readCredentials } from "../links/mod.ts";
import {
  AGAIN,
  coordinatorLostMs,
  type Failed,
  type Gpu,
  type ProgressMessage,
  type Subjects,
  subjectsOf,
} from "../protocol.ts";
import { codeHash, hashOf } from "../version.ts";
import { beginEarly, readRunConfig } from "./early.ts";
import { RankLeases } from "./leases.ts";
import { fence } from "./fence.ts";
import { Life } from "./life.ts";
import { isConsequence, type Meeting, Membership } from "./membership.ts";
import { Orders } from "./orders.ts";
import { RankLog } from "./rank_log.ts";
import { clip, Reporter } from "./reporter.ts";
import { Warnings } from "./warnings.ts";
import { watchCoordinator, type Watchdog } from "./watchdog.ts";

/** How long a failed rank waits for the coordinator, in ms. */
const VERDICT_MS = 10_000;

/** Time to write why a rank ends, in ms. */
const LAST_WORDS_MS = 2000;

export interface RankOptions {
  env: Env;
  rank: number;
  /** Number of ranks. */
  size: number;
  runFolder: string;
  cacheFolder: string;
  /** Of how links were measured; none = nothing is measured. */
  tuningFolder?: string | undefined;
  /** File with the {@linkcode Credentials}. */
  credentials: string;
  /** Address of the server, when it is not the one in the file. */
  join?: string;
  host: string;
  pid: number;
  deno: string;
  /** The device that whoever placed this rank has seen in its environment. */
  gpu: Gpu;
  /** This rank cannot go on; the coordinator is told too. */
  onFailure?: (reason: Reason) => void;
  /** Ends the process, after the log is written. */
  exit(code: number, reason: Reason): void;
}

/** Why a rank ends, and what to do. */
export type Reason = Pick<Failed, "message" | "hint">;

/** A rank that is connected to its run. */
interface Session extends RankOptions {
  worker: CommWorker;
  subjects: Subjects;
  life: Life;
  log: RankLog;
  /** Writes into the log; warnings go on to the console and the report. */
  say: EngineOptions["log"];
  reporter: Reporter;
  orders: Orders;
  membership: Membership;
  /** Of the code that this rank runs. */
  version: string;
  /** Begun before the rank joined. */
  early: EarlyStart | undefined;
  watchdog: Watchdog;
  /** Logs why, and ends the process. */
  leave(reason: Reason, code?: number): void;
}

/** What the process around a rank may tell it. */
export interface RankSession {
  /** A signal asks for a checkpoint and the end of the run. */
  onSignal(signal: string): void;
  /** The coordinator has died. */
  onCoordinatorLost(): void;
  /** Exit code, when the rank has left. */
  readonly done: Promise<number>;
}

/** Joins the run, obeys its coordinator and resolves with the exit code. */
export async function startRank(options: RankOptions): Promise<RankSession> {
  const { env, rank, runFolder } = options;
  const log = new RankLog(env, runFolder, rank);
  const known = await readCredentials(options.credentials);
  const credentials = { ...known, url: options.join ?? known.url };
  const life = new Life();
  const leave: Session["leave"] = (reason, code = 1) => {
    const { message, ...more } = reason;
    log.write("error", message, more);
    // On a lost disk nobody can write, and a rank that goes on holds its GPU.
    Promise.race([log.flush(), env.timers.sleep(LAST_WORDS_MS)])
      .then(() => options.exit(code, reason));
  };
  const warnings = new Warnings(rank);
  const say: Session["say"] = (level, message, fields) => {
    log.write(level, message, fields);
    if (level === "warn") warnings.tell(message);
  };
  const [worker, early, version] = await Promise.all([
    openWorker(options, { credentials, log, life, leave }),
    beginEarly({ ...options, log: say }),
    codeHash(env.disk),
  ]);
  const subjects = subjectsOf(credentials.run);
  const reporter = new Reporter(env, worker, subjects);
  warnings.connect(reporter);
  const membership = new Membership({ ...options, worker, life });
  const orders = new Orders(worker, subjects.command(rank), {
    life,
    onAbort: (reason) => leave({ message: `aborted: ${reason}` }),
    onRegroup(order) {
      log.write("info", order.reason);
      membership.order(order);
    },
  });
  const watchdog = watchCoordinator(env, worker, {
    subjects,
    onLost: (silenceMs) =>
      leave({
        message: `no word from the coordinator at ${credentials.url} for ${
          Math.round(silenceMs / 1000)
        } s`,
        hint:
          "has it ended, or is the network to it cut? If the others go on, they do so without this rank until the run is resumed; timeouts.heartbeatSeconds bears longer cuts",
      }, AGAIN),
  });
  const session: Session = {
    ...options,
    worker,
    subjects,
    life,
    log,
    say,
    reporter,
    orders,
    membership,
    version,
    early,
    watchdog,
    leave,
  };
  const never = new AbortController().signal;
  return {
    onSignal(signal) {
      log.write("warn", `got ${signal}`);
      reporter.report({ kind: "stop", rank, signal }, never);
    },
    onCoordinatorLost: () =>
      leave({ message: "the coordinator is gone" }, AGAIN),
    done: serve(session).catch((error) => fail(session, error)),
  };
}

function openWorker(
  options: RankOptions,
  { credentials, log, life, leave }: {
    credentials: Credentials;
    log: RankLog;
    life: Life;
    leave: Session["leave"];
  },
): Promise<CommWorker> {
  return CommWorker.open({
    credentials,
    rank: options.rank,
    life: life.words,
    onWarning: (wait) => log.write("warn", "waits in a collective", { wait }),
    onNote: (message) => log.write("warn", message),
    onError: ({ message }) => leave({ message }),
  });
}

/** Hello, engine, then phases until the order to leave. */
async function serve(session: Session): Promise<number> {
  const { env, rank, runFolder, worker, life, log, reporter } = session;
  const { host, pid, deno, gpu, orders, membership, version } = session;
  const never = new AbortController().signal;
  const { text, path } = await readRunConfig(env, runFolder);
  const answer = await reporter.report({
    kind: "hello",
    rank,
    host,
    pid,
    deno,
    gpu,
    version,
    config: await hashOf(text),
  }, never);
  if (answer.kind === "refused") {
    const message = `Cannot join the run: ${answer.reason}`;
    if (!answer.outside) throw new SignetError(message);
    session.leave({ message }, 2);
    await Promise.withResolvers<never>().promise;
  }
  const config = parseConfig(JSON.parse(text), path);
  const deadMs = config.timeouts.heartbeatSeconds * 1000;
  session.watchdog.patienceMs = coordinatorLostMs(deadMs);
  const meeting: Meeting = {
    link: config.link,
    tuning: session.tuningFolder,
    deadlineMs: config.timeouts.collectiveSeconds * 1000,
    algorithm: config.collectives,
    // Who computes what must make no difference.
    ...(config.mixed ? {} : {
      leases: (world) => new RankLeases({ env, reporter, log, rank, ...world }),
    }),
  };
  const { order } = await orders.next();
  if (order.kind === "leave") return await leaveRun(session);
  life.activity = "opening";
  const communicator = await membership.join(meeting);
  log.write("info", "joined", { ...worker.link });
  const disk = fence(env.disk, {
    clock: env.clock,
    leaseMs: deadMs / 2,
    async ask() {
      const answer = await reporter.report({ kind: "present", rank }, never);
      if (answer.kind !== "refused") return;
      session.leave({ message: answer.reason });
      await Promise.withResolvers<never>().promise;
    },
  });
  using engine: Engine = await openEngine({
    env: { ...env, disk },
    config,
    communicator,
    async regroup(error) {
      if (!membership.changes && !isConsequence(error)) return undefined;
      // The coordinator may not know yet whom this one waited for in vain.
      if (!membership.changes) {
        const failed = describe(session, error);
        reporter.report(failed, never).catch(() => {});
      }
      const left = await membership.rejoin(meeting);
      if (left !== undefined) {
        const { generation, members } = membership;
        log.write("info", "joined", { ...worker.link, generation, members });
      }
      return left;
    },
    runFolder,
    cacheFolder: session.cacheFolder,
    stopRequested: () => orders.stopRequested,
    onStep: (_, step) => life.onStep(step),
    onProgress(progress) {
      if (membership.place !== 0) return;
      worker.publish(
        session.subjects.progress,
        progressMessage(progress, membership.members),
      );
    },
    log: session.say,
  }, session.early);
  const { adapter, form, dataHash: data, share } = engine;
  log.write("info", "ready", { adapter, form, data, share });
  await reporter.report(
    { kind: "ready", rank, adapter, form, data, share },
    never,
  );
  while (true) {
    const { sequence, order } = await orders.next();
    if (order.kind === "regroup") {
      if (membership.changes) await engine.rejoin();
      continue;
    }
    if (order.kind !== "phase") break;
    const { phase } = order;
    log.write("info", `phase ${phase} starts`);
    life.startPhase(phase);
    const outcome = await engine.runPhase(phase);
    const wire = await worker.counts();
    log.write("info", `phase ${phase} is ${outcome.state}`);
    life.activity = "idle";
    await reporter.report({
      kind: "outcome",
      rank,
      command: sequence,
      phase,
      outcome: JSON.parse(JSON.stringify(outcome)),
      generation: membership.generation,
      ...(wire === undefined ? {} : { wire }),
    }, never);
  }
  return await leaveRun(session);
}

async function leaveRun({ life, log, worker }: Session): Promise<number> {
  life.activity = "leaving";
  log.write("info", "leaves", { wire: await worker.counts() });
  await log.flush();
  return 0;
}

/** @param members The rank in each place. */
function progressMessage(
  progress: Progress,
  members: readonly number[],
): ProgressMessage {
  const { loss, straggler } = progress;
  return {
    ...progress,
    rank: members[0]!,
    loss: Number.isFinite(loss) ? loss : null,
    ...(straggler?.rank === undefined
      ? {}
      : { straggler: { ...straggler, rank: members[straggler.rank]! } }),
  };
}

/** Tells the coordinator why this rank cannot go on. */
async function fail(session: Session, error: unknown): Promise<number> {
  const { env, log, reporter, early } = session;
  early?.[Symbol.dispose]();
  const failed = describe(session, error);
  const { message, stack, hint } = failed;
  const wire = await session.worker.counts().catch(() => undefined);
  log.write("error", message, { stack, hint, wire });
  session.onFailure?.(failed);
  await log.flush();
  const giveUp = new AbortController();
  const cancel = env.timers.after(VERDICT_MS, () => giveUp.abort());
  // Without an answer in time the coordinator is gone, or has judged already.
  await reporter.report(failed, giveUp.signal).catch(() => undefined);
  cancel();
  // A consequence waits for the order to abort: the cause is still to be found.
  if (failed.secondary) await env.timers.sleep(VERDICT_MS);
  return failed.exitCode;
}

function describe(
  { rank, life, membership }: Session,
  error: unknown,
): Failed {
  const known = error instanceof SignetError ? error : diskError(error);
  const secondary = isConsequence(error);
  const { phase } = life;
  const text = known?.message ??
    (error instanceof Error ? error.message : String(error));
  const hint = known?.hint ?? recogniseFailure(text)?.hint;
  const stack = known || secondary || !(error instanceof Error)
    ? undefined
    : error.stack;
  return {
    kind: "failed",
    rank,
    ...(phase === undefined ? {} : { phase }),
    step: life.step,
    message: clip(text),
    ...(hint === undefined ? {} : { hint: clip(hint) }),
    ...(stack === undefined ? {} : { stack: clip(stack) }),
    exitCode: known?.exitCode ?? 1,
    secondary,
    generation: membership.generation,
    ...(error instanceof DeviceLostError ? { device: true } : {}),
    ...(error instanceof CollectiveTimeoutError
      ? { suspects: error.missingRanks.map((r) => membership.members[r]!) }
      : {}),
  };
}
