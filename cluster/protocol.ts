/**
 * Every subject, message, version and limit that processes of a run share.
 *
 * Control messages are JSON. Rank to coordinator: *reports* (hello, ready,
 * outcome, failure, lease, stop, warning) are requests, repeated until answered; heartbeats and
 * progress are publications that may be lost. Coordinator to rank: commands
 * carry a sequence number; the rank's heartbeat says the last one it has taken,
 * so a lost command is sent again and a repeated one is dropped.
 */
import * as z from "zod";
import { PHASES } from "../src/phases/engine.ts";

/** Raised when a message changes its meaning; part of the version hash. */
export const PROTOCOL_VERSION = 1;
/** Larger control messages are dropped unread. */
export const MAX_CONTROL_BYTES = 256 * 1024;
/** Longest text of a failure report, in characters. */
export const MAX_TEXT = 16 * 1024;
/** Largest world. */
export const MAX_RANKS = 1024;

/** A rank's comm worker beats this often; the coordinator too. */
export const HEARTBEAT_MS = 1000;
/** Silence after which a rank counts as dead. */
export const DEAD_AFTER_MS = 5000;
/** Silence of the coordinator after which a rank ends itself, at least. */
export const COORDINATOR_LOST_MS = 15_000;

/** The same when ranks may be silent for longer: the network comes back to both. */
export function coordinatorLostMs(deadAfterMs: number): number {
  return COORDINATOR_LOST_MS + Math.max(0, deadAfterMs - DEAD_AFTER_MS);
}

/** Exit code of a rank that could go on: it asks to be started again. */
export const AGAIN = 75;
/** An unanswered report is sent again after this long. */
export const REPORT_RETRY_MS = 1000;
/** Progress deadline: at least this long, or {@linkcode STEP_FACTOR} median steps. */
export const STEP_DEADLINE_MS = 10_000;
export const STEP_FACTOR = 5;

/** Subjects of a run; `run` is its id, one word. */
export interface Subjects {
  /** Reports of the ranks, answered by the coordinator. */
  readonly report: string;
  /** Workers ask the coordinator for a place. */
  readonly place: string;
  /** Heartbeats of the ranks. */
  readonly heartbeat: string;
  /** {@linkcode ProgressMessage}s. */
  readonly progress: string;
  /** Commands to one rank. */
  command(rank: number): string;
  /** The coordinator's own heartbeat, to all ranks. */
  readonly pulse: string;
  /**
   * Frames of the collectives to the rank in a place; ranks that have met anew do
   * so on subjects of their own.
   */
  data(place: number, lane: number, generation?: number): string;
}

export function subjectsOf(run: string): Subjects {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(run)) {
    throw new TypeError(`Cannot use "${run}" as the id of a run`);
  }
  const base = `run.${run}`;
  return {
    report: `${base}.ctl.report`,
    place: `${base}.ctl.place`,
    heartbeat: `${base}.ctl.heartbeat`,
    progress: `${base}.ctl.progress`,
    command: (rank) => `${base}.ctl.cmd.${rank}`,
    pulse: `${base}.ctl.pulse`,
    data: (place, lane, generation = 1) =>
      `${base}.data.${generation}.${place}.${lane}`,
  };
}

/** What a rank is busy with; the position in this list travels in shared memory. */
export const ACTIVITIES = [
  "opening",
  "idle",
  "compiling",
  "training",
  "evaluating",
  "leaving",
] as const;
export type Activity = typeof ACTIVITIES[number];

const rank = z.int().min(0).max(MAX_RANKS - 1);
const count = z.int().min(0);
const text = z.string().max(MAX_TEXT);
const word = z.string().min(1).max(256);
const phase = z.enum(PHASES);
const uuid = z.string().regex(
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
);

const adapter = z.strictObject({
  name: z.string().max(256),
  vendor: z.number(),
  device: z.number(),
  cpu: z.boolean(),
});

/**
 * The device that a rank's process sees first, which is the one it computes on:
 * WebGPU itself tells no UUID, so whoever started the rank has asked the driver.
 */
export const gpu = z.strictObject({
  kind: z.enum(["discrete", "integrated", "other", "virtual", "cpu"]),
  uuid,
  vendor: count,
  device: count,
  /** UUID of its driver, another one for each version. */
  driver: uuid,
});
export type Gpu = z.output<typeof gpu>;

const hello = z.strictObject({
  kind: z.literal("hello"),
  rank,
  host: word,
  pid: count,
  gpu,
  /** Hash over protocol, code and lock file. */
  version: word,
  /** Hash of the resolved configuration. */
  config: word,
  deno: word,
});

const ready = z.strictObject({
  kind: z.literal("ready"),
  rank,
  adapter,
  form: z.enum(["register", "tiled"]),
  /** Hash of images and split. */
  data: z.string().max(256),
  /** Its images of a global batch. */
  share: count,
});

const summary = z.record(z.string().max(64), z.json());

/** What has gone wrong on a rank's wire so far, and was made good. */
const wire = z.strictObject({
  /** Connections that broke and were replaced. */
  reconnects: count,
  /** Frames sent again. */
  resent: count,
  /** Frames that had arrived before. */
  duplicate: count,
  /** Frames of an earlier set of ranks. */
  stale: count,
  /** Frames with a wrong checksum. */
  corrupt: count,
  /** Messages larger than any frame. */
  oversized: count,
  /** What is no frame of this run. */
  foreign: count,
  /** Frames beyond the window or without room to wait. */
  refused: count,
});
export type WireCounts = z.output<typeof wire>;

const outcome = z.strictObject({
  kind: z.literal("outcome"),
  rank,
  /** Sequence number of the command that this answers. */
  command: count,
  phase,
  outcome: z.discriminatedUnion("state", [
    z.strictObject({ state: z.literal("done"), summary }),
    z.strictObject({ state: z.literal("stopped"), checkpoint: word }),
  ]),
  /** Of the ranks that ended it; by default the first. */
  generation: z.int().min(1).exactOptional(),
  wire: wire.exactOptional(),
});

const failed = z.strictObject({
  kind: z.literal("failed"),
  rank,
  phase: phase.exactOptional(),
  step: count,
  message: text,
  hint: text.exactOptional(),
  stack: text.exactOptional(),
  exitCode: z.int().min(1).max(255),
  /** A consequence of another rank's failure, such as an aborted collective. */
  secondary: z.boolean(),
  /** Its GPU is gone, which the other ranks have no part in. */
  device: z.boolean().exactOptional(),
  /** Of the ranks, when it happened; by default the first. */
  generation: z.int().min(1).exactOptional(),
  /** The ranks that this one waited for in vain, ascending. */
  suspects: z.array(rank).max(MAX_RANKS).exactOptional(),
});

/** A rank is done with its part of a piece of work, and asks for more. */
const lease = z.strictObject({
  kind: z.literal("lease"),
  rank,
  /** Of the ranks that share the work. */
  generation: z.int().min(1),
  /** Number of the piece since they met. */
  work: z.int().min(1),
  /** Rises with every question about it. */
  ask: z.int().min(1),
  /** Of the whole piece. */
  parts: count,
  /** Parts that are worth asking for at a time. */
  most: z.int().min(1),
});

const stop = z.strictObject({ kind: z.literal("stop"), rank, signal: word });

/** Asks whether the rank belongs to the run, before it changes files. */
const present = z.strictObject({ kind: z.literal("present"), rank });

/** Something odd that does not stop the run; all ranks may say the same. */
const warning = z.strictObject({
  kind: z.literal("warning"),
  rank,
  message: text,
});

/** Requests of a rank to {@linkcode Subjects.report}. */
export const report = z.discriminatedUnion("kind", [
  hello,
  ready,
  outcome,
  failed,
  lease,
  stop,
  present,
  warning,
]);
export type Report = z.output<typeof report>;
export type Hello = z.output<typeof hello>;
export type Ready = z.output<typeof ready>;
export type Outcome = z.output<typeof outcome>;
export type Failed = z.output<typeof failed>;
export type LeaseRequest = z.output<typeof lease>;

/**
 * Answer to a report. A hello is answered by the place in the world, a lease by the
 * parts `[first, end)`; none when all are given away, and `over` when nobody works
 * on them any more.
 */
export const answer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ok") }),
  z.strictObject({ kind: z.literal("welcome"), rank, size: z.int().min(1) }),
  z.strictObject({
    kind: z.literal("leased"),
    first: count,
    end: count,
    over: z.boolean(),
  }),
  z.strictObject({
    kind: z.literal("refused"),
    reason: text,
    /** The process is no rank of the run: what it says is said of none. */
    outside: z.literal(true).exactOptional(),
  }),
]);
export type Answer = z.output<typeof answer>;

/** A worker that came by itself asks which rank it is. */
export const placeRequest = z.strictObject({
  host: word,
  /** Another one for each process: containers of one host share its name and pids. */
  id: word,
});
export type PlaceRequest = z.output<typeof placeRequest>;

/** Answer to it; without a rank there is no place. */
export const placeAnswer = z.strictObject({
  rank: rank.exactOptional(),
  /** Its place among the workers of its machine. */
  localRank: rank.exactOptional(),
  size: z.int().min(1),
});

/** Proof of life, once a second. */
export const heartbeat = z.strictObject({
  rank,
  /** Highest command sequence taken; 0 for none. */
  seen: count,
  activity: z.enum(ACTIVITIES),
  phase: phase.exactOptional(),
  step: count,
  /** Changes with every proof of progress. */
  ticks: count,
  /** Collectives entered so far. */
  entered: count,
  /** Collectives finished so far; less than `entered` while one waits. */
  finished: count,
  /** The connection that it came over: `Control.connection`. */
  connection: word,
});
export type Heartbeat = z.output<typeof heartbeat>;

/** A step as the console shows it. */
export const progress = z.strictObject({
  rank,
  phase,
  step: count,
  steps: count,
  epoch: z.number(),
  /** `null` when not finite: JSON has no NaN. */
  loss: z.number().nullable(),
  learningRate: z.number(),
  imagesPerSecond: z.number(),
  dataMs: z.number(),
  forwardMs: z.number(),
  backwardMs: z.number(),
  communicationMs: z.number(),
  validationAccuracy: z.number().exactOptional(),
  maskRate: z.number().exactOptional(),
  straggler: z.strictObject({
    cause: z.enum(["compute", "link"]),
    rank: rank.exactOptional(),
    share: z.number(),
  }).exactOptional(),
});
export type ProgressMessage = z.output<typeof progress>;

/** What the coordinator tells a rank to do. */
export const command = z.strictObject({
  sequence: z.int().min(1),
  order: z.discriminatedUnion("kind", [
    /** All ranks have come: they may exchange. */
    z.strictObject({ kind: z.literal("meet") }),
    z.strictObject({ kind: z.literal("phase"), phase }),
    /** Checkpoint after the step in progress and answer with `stopped`. */
    z.strictObject({ kind: z.literal("stop") }),
    /** Nothing is left to do: leave with exit code 0. */
    z.strictObject({ kind: z.literal("leave") }),
    /** The members meet, and work on without anybody else. */
    z.strictObject({
      kind: z.literal("regroup"),
      /** Rises each time. */
      generation: z.int().min(2),
      /** Ascending; a rank's place among them is its rank from now on. */
      members: z.array(rank).min(1).max(MAX_RANKS),
      reason: text,
    }),
    /** Another rank failed: reject what waits and leave with exit code 1. */
    z.strictObject({ kind: z.literal("abort"), reason: text }),
  ]),
});
export type Command = z.output<typeof command>;
export type Order = Command["order"];
export type Regroup = Extract<Order, { kind: "regroup" }>;

/** The coordinator lives; `beat` rises. */
export const pulse = z.strictObject({ beat: count });

/** `message` if it is what the schema says, else `undefined`, whoever sent it. */
export function accept<T>(
  schema: z.ZodType<T>,
  message: unknown,
): T | undefined {
  const parsed = schema.safeParse(message);
  return parsed.success ? parsed.data : undefined;
}
