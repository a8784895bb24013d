import type { Summands } from "../../src/training/communicator.ts";
import type { Credentials } from "../links/mod.ts";
import type { LinkWish } from "./choose_link.ts";
import type { Wait } from "./errors.ts";
import type { PlainError } from "./plain_error.ts";
import type { Algorithm } from "./selection.ts";

/** Arrays that collectives work on. */
export type Shareable = Summands | Uint32Array<SharedArrayBuffer>;

/** Values in memory that both threads see. */
export interface Shared<T = Float32Array<SharedArrayBuffer>> {
  values: T;
  /**
   * Number of the memory: a message makes a new SharedArrayBuffer each time, so
   * that identity does not tell which calls are on the same memory.
   */
  memory: number;
}

/** A collective as the main thread asks for it. */
export type CollectiveCall =
  | { name: "barrier" }
  | { name: "broadcast"; buffer: Shared; root: number }
  | { name: "all-reduce"; buffer: Shared<Summands> }
  | {
    name: "all-reduce-blocks";
    blocks: Shared<Uint32Array<SharedArrayBuffer>>;
    carry: Shared;
  }
  | { name: "all-gather"; buffer: Shared; offsets: readonly number[] };

export interface JoinOptions {
  link: LinkWish;
  /** Folder of how links were measured; left out, nothing is measured. */
  tuning?: string | undefined;
  /** Names of the ranks that meet, in the order of their places. */
  members: readonly number[];
  /** Rises each time the set of ranks changes. */
  generation: number;
  /** How collectives are carried out. */
  algorithm: Algorithm;
  /** A collective without progress for this long is reported, once. */
  warnAfterMs: number;
  /** A collective without progress for this long fails. */
  deadlineMs: number;
}

/** What the comm worker is asked to do and answers when done. */
export type Task =
  | {
    kind: "open";
    credentials: Credentials;
    rank: number;
    life: Int32Array<SharedArrayBuffer>;
  }
  | { kind: "join"; options: JoinOptions }
  | { kind: "collective"; call: CollectiveCall }
  | { kind: "request"; subject: string; message: unknown; timeoutMs: number }
  /** What has gone wrong on the wire so far. */
  | { kind: "counts" }
  | { kind: "flush" }
  | { kind: "close" };

/** What the comm worker is told and never answers. */
export type Notice =
  | { kind: "publish"; subject: string; message: unknown }
  | { kind: "subscribe"; subscription: number; subject: string }
  | { kind: "unsubscribe"; subscription: number }
  | { kind: "abort"; reason: string; failedRank: number | undefined };

export type ToWorker = { id: number; task: Task } | { notice: Notice };

export type FromWorker =
  | { kind: "done"; id: number; value: unknown }
  | { kind: "failed"; id: number; error: PlainError }
  | { kind: "message"; subscription: number; message: unknown; subject: string }
  | { kind: "warning"; wait: Wait }
  /** For the rank's log. */
  | { kind: "note"; message: string };
