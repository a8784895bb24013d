/// <reference lib="webworker" />
/**
 * The comm worker: the thread of a rank that talks to the network. It beats and
 * carries collectives on while the main thread waits for its GPU.
 */
import { realEnv } from "../../src/env/mod.ts";
import {
  connectControl,
  type Control,
  type Credentials,
  DirectLink,
  openNatsLink,
  runHash,
} from "../links/mod.ts";
import { heartbeatOf, LIFE } from "../life_words.ts";
import { HEARTBEAT_MS, subjectsOf } from "../protocol.ts";
import { chooseLink, type LinkChoice } from "./choose_link.ts";
import { Comm } from "./comm.ts";
import { RankFailedError } from "./errors.ts";
import { LinkCommunicator } from "./link_communicator.ts";
import { toPlain } from "./plain_error.ts";
import { tuningFolder } from "./tuning_folder.ts";
import { RoundTrip } from "./round_trip.ts";
import type {
  CollectiveCall,
  FromWorker,
  JoinOptions,
  Notice,
  Shareable,
  Shared,
  Task,
  ToWorker,
} from "./worker_messages.ts";

declare const self: DedicatedWorkerGlobalScope;

/** What the worker holds once it is open. */
interface Session {
  credentials: Credentials;
  rank: number;
  control: Control;
  stopBeating: () => void;
}

let session: Session | undefined;
let communicator: LinkCommunicator | undefined;
/** Aborted when the ranks that are joined, or being joined, work no more. */
let world = new AbortController();
const memories = new Map<number, WeakRef<SharedArrayBuffer>>();
const subscriptions = new Map<number, () => void>();

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  if ("notice" in data) return take(data.notice);
  try {
    const value = await perform(data.task);
    post({ kind: "done", id: data.id, value });
  } catch (error) {
    post({ kind: "failed", id: data.id, error: toPlain(error) });
  }
};

function post(message: FromWorker): void {
  self.postMessage(message);
}

function opened(): Session {
  if (session === undefined) throw new Error("The comm worker is not open");
  return session;
}

function perform(task: Task): Promise<unknown> {
  switch (task.kind) {
    case "open":
      return open(task);
    case "join":
      return join(task.options);
    case "collective":
      return collective(task.call);
    case "request": {
      const { subject, message, timeoutMs } = task;
      return opened().control.request(subject, message, timeoutMs);
    }
    case "counts":
      return Promise.resolve(communicator?.exchange.counts);
    case "flush":
      return opened().control.flush();
    case "close":
      return close();
  }
}

function take(notice: Notice): void {
  switch (notice.kind) {
    case "publish":
      opened().control.publish(notice.subject, notice.message);
      break;
    case "subscribe":
      subscribe(notice.subscription, notice.subject);
      break;
    case "unsubscribe":
      subscriptions.get(notice.subscription)?.();
      subscriptions.delete(notice.subscription);
      break;
    case "abort":
      world.abort(new RankFailedError(notice.reason, notice.failedRank));
      communicator?.exchange.fail(world.signal.reason);
  }
}

async function open(
  { credentials, rank, life }: Task & { kind: "open" },
): Promise<void> {
  const { heartbeat } = subjectsOf(credentials.run);
  const control = await connectControl(credentials, {
    name: `rank-${rank}`,
    onRestored: () => beat(),
  });
  const roundTrip = new RoundTrip(realEnv.clock, () => control.flush());
  const beat = () => {
    const { connection } = control;
    control.publish(heartbeat, heartbeatOf(life, { rank, connection }));
    roundTrip.measure();
    Atomics.store(life, LIFE.roundTrip, Math.round(1000 * roundTrip.ms));
  };
  beat();
  const stopBeating = realEnv.timers.every(HEARTBEAT_MS, beat);
  session = { credentials, rank, control, stopBeating };
}

async function join(options: JoinOptions): Promise<LinkChoice> {
  const { credentials, rank: name } = opened();
  const { members, generation } = options;
  const rank = members.indexOf(name);
  const size = members.length;
  // The memory of earlier calls is not asked for again.
  memories.clear();
  const { signal } = world = new AbortController();
  await communicator?.close();
  const subjects = subjectsOf(credentials.run);
  const late = new AbortController();
  using timers = new DisposableStack();
  timers.defer(
    realEnv.timers.after(options.deadlineMs, () => late.abort()),
  );
  const viaNats = await openNatsLink(credentials, {
    rank,
    size,
    name: `rank-${name}-data`,
    subject: (to, lane) => subjects.data(to, lane, generation),
    // It was there a moment ago; should it be started again just now, it comes back.
    patience: AbortSignal.any([signal, late.signal]),
  }).catch((error) => {
    signal.throwIfAborted();
    throw error;
  });
  const warn = (message: string) => post({ kind: "note", message });
  const link = new DirectLink(viaNats, {
    now: () => realEnv.clock.now(),
    onLost: (lost) =>
      warn(
        `lost the direct connection from rank ${rank} to rank ${lost}: its frames go through NATS`,
      ),
  });
  communicator = new LinkCommunicator({
    ...options,
    link,
    world: { run: runHash(credentials.run), generation },
    env: realEnv,
    onWarning: (wait) => post({ kind: "warning", wait }),
  });
  const { exchange } = communicator;
  if (signal.aborted) exchange.fail(signal.reason);
  const machine = Deno.hostname();
  const parts = {
    exchange,
    algorithm: "auto",
    context: exchange.world,
  } as const;
  const unknown = new Array<string>(size).fill(machine);
  const machines = await new Comm({ ...parts, hosts: unknown }).allGather(
    machine,
  );
  exchange.world.nodes = machines.map((name) => machines.indexOf(name));
  return await chooseLink(new Comm({ ...parts, hosts: machines }), {
    wish: options.link,
    link,
    credentials,
    machine,
    env: realEnv,
    signal,
    tunings: options.tuning === undefined
      ? undefined
      : tuningFolder(realEnv.disk, options.tuning),
    onWarning: warn,
  });
}

function collective(call: CollectiveCall): Promise<void> {
  if (communicator === undefined) {
    throw new Error(`Cannot run ${call.name}: the rank has not joined`);
  }
  switch (call.name) {
    case "barrier":
      return communicator.barrier();
    case "broadcast":
      return communicator.broadcast(viewOf(call.buffer), call.root);
    case "all-reduce":
      return communicator.allReduce(viewOf(call.buffer));
    case "all-reduce-blocks":
      return communicator.allReduceBlocks(
        viewOf(call.blocks),
        viewOf(call.carry),
      );
    case "all-gather":
      return communicator.allGather(viewOf(call.buffer), call.offsets);
  }
}

/** A view on the one SharedArrayBuffer that stands for the memory in this thread. */
function viewOf<T extends Shareable>({ values, memory }: Shared<T>): T {
  const known = memories.get(memory)?.deref();
  if (known === undefined) {
    memories.set(memory, new WeakRef(values.buffer));
    return values;
  }
  const View = values.constructor as new (
    buffer: SharedArrayBuffer,
    offset: number,
    length: number,
  ) => T;
  return new View(known, values.byteOffset, values.length);
}

function subscribe(subscription: number, subject: string): void {
  const end = opened().control.subscribe(subject, (message, subject) => {
    post({ kind: "message", subscription, message, subject });
  });
  subscriptions.set(subscription, end);
}

async function close(): Promise<void> {
  session?.stopBeating();
  await communicator?.close();
  await session?.control.close();
}
