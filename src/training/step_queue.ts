import type { Clock } from "../env/mod.ts";
import type { RankTimes } from "./rank_times.ts";
import { LOG_DEPTH, type StepLog, type StepRecord } from "./step_log.ts";

/** A step that the GPU has finished. */
export interface FinishedStep extends StepRecord {
  /** From 0. */
  step: number;
  /** Wall time; the mean when several steps were waited for together. */
  totalMs: number;
  /** Of it, waiting for other ranks. */
  communicationMs: number;
  /** All ranks' times of the step before, where several take part and it is known. */
  ranks: readonly RankTimes[] | undefined;
}

/** What the host knows of a step when its last piece is submitted. */
type QueuedStep = Pick<FinishedStep, "step" | "communicationMs" | "ranks">;

/**
 * Work that may be queued before the host looks at it, in ms: long enough that
 * its look costs nothing, short enough for a progress line and Ctrl-C.
 */
const QUEUE_MS = 250;

/** Steps on the GPU whose figures the host has not read, and those it has. */
export class StepQueue {
  readonly #log: StepLog;
  readonly #clock: Clock;
  #queued: QueuedStep[] = [];
  #finished: FinishedStep[] = [];
  /** Until when wall time is in finished steps. */
  #since = 0;
  #stepMs = 0;

  constructor(log: StepLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** No step's figures are unread. */
  get empty(): boolean {
    return this.#queued.length === 0;
  }

  /** Another step would wait too long, or have no place for its figures. */
  get full(): boolean {
    const { length } = this.#queued;
    return length === LOG_DEPTH || this.#stepMs === 0 ||
      (length + 1) * this.#stepMs > QUEUE_MS;
  }

  /** A step's first piece is about to be submitted. */
  start(): void {
    if (this.empty) this.#since = this.#clock.now();
  }

  /** A step's last piece is submitted. */
  push(step: QueuedStep): void {
    this.#queued.push(step);
  }

  /** Waits for the queue of the GPU and reads the figures of all steps in it. */
  collect(): void {
    if (this.empty) return;
    const queued = this.#queued.splice(0);
    const records = this.#log.read(queued.map(({ step }) => step));
    const now = this.#clock.now();
    this.#stepMs = (now - this.#since) / queued.length;
    this.#since = now;
    records.forEach((record, i) => {
      this.#finished.push({ ...record, ...queued[i]!, totalMs: this.#stepMs });
    });
  }

  /** Steps that ended since the last call, in order. */
  take(): FinishedStep[] {
    return this.#finished.splice(0);
  }
}
