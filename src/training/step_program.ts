import type { Clock } from "../env/mod.ts";
import {
  type Device,
  elements,
  Program,
  type Readback,
  type ScratchPlan,
  type Tensor,
  type TimingLevel,
} from "../gpu/mod.ts";
import type { Communicator } from "./communicator.ts";
import { BlockBucket } from "./block_bucket.ts";
import {
  type Bucket,
  ExactBucket,
  type Exchange,
  Gather,
  type GatherPart,
} from "./exchange.ts";
import { recordGradientBucket } from "./gradient_bucket.ts";
import { type Computed, OwnedState } from "./owned_state.ts";
import { RankTable, type RankTimes } from "./rank_times.ts";
import { StepLog } from "./step_log.ts";
import { StepMetrics } from "./step_metrics.ts";
import { type FinishedStep, StepQueue } from "./step_queue.ts";
import type { Wire } from "./wire.ts";
import { StepUniform, type StepValues } from "./step_uniform.ts";
import { SumsUnderWay } from "./sums_under_way.ts";

/** What {@linkcode StepProgram.run} needs for one step. */
export interface StepRequest {
  values: StepValues;
  /** This rank asks to stop after the step. */
  stop: boolean;
  /**
   * Writes the batch of the next step and returns its values. Called while
   * other ranks are waited for, when the program has a prefix.
   */
  next?: (() => Promise<StepValues>) | undefined;
}

/** Host time of a part of a step, for a trace. */
export type OnSpan = (name: string, start: number, end: number) => void;

/**
 * One training step: a recorded program and the exchanges with other ranks
 * between its pieces.
 *
 * With one rank the exchanges vanish, the program is a single submission and
 * steps queue up behind each other; the host waits once for several. With more
 * ranks, for each piece k: submit k, copy bucket k - 1 and hand it to the
 * communicator's thread while k runs, wait for k. A map waits for the whole queue,
 * so k + 1 must not be submitted before that wait; but what is mapped stays so, and
 * the copy costs the GPU no pause. While the last sums are on their way, the next
 * step's prefix runs. No step waits for its own figures.
 */
export class StepProgram {
  readonly program: Program;
  readonly uniform: StepUniform;
  readonly metrics: StepMetrics;
  /** Told how the host spends its time. */
  onSpan: OnSpan | undefined;
  readonly #device: Device;
  readonly #communicator: Communicator;
  readonly #clock: Clock;
  readonly #wire: Wire;
  /** Factor of the loss in backward: the first value. */
  readonly #scale: Tensor;
  /** Made here, since the loss is not scaled. */
  readonly #ones: Tensor | undefined;
  readonly #log: StepLog;
  readonly #queue: StepQueue;
  readonly #table: RankTable;
  readonly #exchanges = new Map<number, Exchange>();
  readonly #readbacks: Readback[] = [];
  /** Last piece of the prefix. */
  #prefix: number | undefined;
  /** The prefix of the coming step is submitted. */
  #ahead = false;
  /** The bucket with the metrics. */
  #exact: ExactBucket | undefined;

  constructor(
    device: Device,
    { communicator, clock, wire = "f32", lossScale, scratch }: {
      communicator: Communicator;
      clock: Clock;
      /** As what gradients travel. */
      wire?: Wire;
      /** Its first value is the factor of the loss in backward; left out, that is 1. */
      lossScale?: Tensor | undefined;
      /** Of a rehearsal of the same step. */
      scratch?: ScratchPlan | undefined;
    },
  ) {
    this.#wire = wire;
    if (lossScale === undefined) {
      this.#ones = device.tensor([1], new Float32Array([1]));
    }
    this.#scale = lossScale ?? this.#ones!;
    this.#device = device;
    this.#communicator = communicator;
    this.#clock = clock;
    this.program = new Program(device, scratch);
    this.uniform = new StepUniform(device);
    this.metrics = new StepMetrics(device);
    this.#log = new StepLog(device, this.program, this.metrics);
    this.#queue = new StepQueue(this.#log, clock);
    this.#table = new RankTable(communicator);
  }

  /** Bytes that a rank gives to each exchange of a step. */
  get traffic(): { buckets: number[]; gathers: number[] } {
    const buckets: number[] = [];
    const gathers: number[] = [];
    for (const exchange of this.#exchanges.values()) {
      if (exchange.kind === "bucket") {
        buckets.push(...exchange.buckets.map(({ bytes }) => bytes));
      } else if (exchange.kind === "gather") {
        const { readbacks } = exchange.gather;
        gathers.push(...readbacks.map(({ buffer }) => buffer.size));
      } else if (exchange.kind === "owners") {
        gathers.push(exchange.gather.readback.buffer.size);
      }
    }
    return { buckets, gathers };
  }

  /** Several ranks take part. */
  get distributed(): boolean {
    return this.#communicator.size > 1;
  }

  /**
   * What is recorded so far needs the step's batch and no trained parameter, so
   * it may run before the step before it has ended. `outputs` are read later.
   * Of several micro-batches the first has the prefix.
   */
  endPrefix(...outputs: readonly Tensor[]): void {
    if (!this.distributed || this.#prefix !== undefined) return;
    this.program.pin(...outputs);
    this.#prefix = this.program.cut();
  }

  /**
   * The rows of all ranks in rank order, of several tensors in one exchange:
   * `offsets[r]` is the first row of rank r, and the last offset the number of rows.
   */
  gather(locals: readonly Tensor[], offsets: readonly number[]): Tensor[] {
    if (!this.distributed) return [...locals];
    const targets = locals.map((local) =>
      this.program.scratch([
        offsets.at(-1)!,
        elements(local.shape.slice(1)),
      ])
    );
    this.gatherToHost(
      locals.map((local) => ({ local, offsets })),
      (...all) =>
        all.forEach((rows, i) => this.#device.write(targets[i]!, rows)),
    );
    return targets;
  }

  /** Hands the rows of all ranks to the host, which may write tensors before the next piece runs. */
  gatherToHost(
    parts: readonly GatherPart[],
    then: (...rows: Float32Array[]) => void,
  ): void {
    const gather = new Gather(this.program, this.#communicator, parts);
    this.#readbacks.push(...gather.readbacks);
    this.#exchanges.set(this.program.cut(), { kind: "gather", gather, then });
  }

  /** The gradients in `tensors` are complete: sums them over ranks. */
  bucket(tensors: readonly Tensor[]): void {
    if (!this.distributed) return;
    this.#send(this.#gradients(tensors));
  }

  /**
   * The last gradients, which take the metrics along. From here on all are the
   * sums over all ranks.
   */
  lastBucket(tensors: readonly Tensor[]): void {
    if (!this.distributed) return;
    const metrics = this.metrics.tensor;
    const { program } = this;
    const joined = this.#wire === "f32" ? [...tensors, metrics] : [metrics];
    this.#exact = new ExactBucket(
      program,
      this.#communicator,
      joined,
      this.#table.length,
    );
    const packed = this.#wire === "f32" ? [] : this.#gradients(tensors);
    this.#send([...packed, this.#exact]);
    this.#exchanges.set(program.cut(), { kind: "await" });
    for (const exchange of this.#exchanges.values()) {
      if (exchange.kind !== "bucket") continue;
      for (const bucket of exchange.buckets) bucket.recordSums(program);
    }
  }

  /**
   * From here on all ranks have the owners' values of what is recorded so far to be
   * computed.
   */
  takeFromOwners(computed: Computed): void {
    if (!this.distributed) return;
    const gather = new OwnedState(this.program, this.#communicator, computed);
    this.#readbacks.push(gather.readback);
    this.#exchanges.set(this.program.cut(), { kind: "owners", gather });
  }

  /** Call once, when everything is recorded; `norm` is the optimizer's. */
  async finish(norm: Tensor): Promise<void> {
    this.program.copy(
      norm,
      this.metrics.tensor,
      4 * this.metrics.slot("gradientNorm"),
    );
    for (const readback of this.#readbacks) await readback.prepare();
    await this.#log.prepare("section");
  }

  /** What is timed from the next step on; call it when no step is queued. */
  async time(level: TimingLevel): Promise<void> {
    await this.#log.prepare(level);
  }

  /** Submits the step; true when a rank asked to stop after it. */
  async run({ values, stop, next }: StepRequest): Promise<boolean> {
    let votes = Number(stop);
    let communicationMs = 0;
    let readyMs = 0;
    let ranks: RankTimes[] | undefined;
    const began = this.#clock.now();
    this.#queue.start();
    const wait = async (work: Promise<void>) => {
      const before = this.#clock.now();
      await work;
      communicationMs += this.#clock.now() - before;
      this.#span("communicate", before);
    };
    if (this.distributed) this.metrics.set("stop", votes);
    this.uniform.write(values);
    const sums = new SumsUnderWay();
    const note = (bucket: Bucket) => {
      if (this.#exact === undefined || bucket !== this.#exact) return;
      readyMs = this.#clock.now() - began - communicationMs;
      this.#table.write(this.#exact.extra);
    };
    const last = this.program.pieces - 1;
    const first = this.#ahead ? this.#prefix! + 1 : 0;
    this.#ahead = false;
    for (let piece = first; piece <= last; piece++) {
      this.#submit(piece, piece === last ? values.step : undefined);
      sums.send(note);
      const exchange = this.#exchanges.get(piece);
      if (exchange?.kind === "bucket") {
        for (const { readback } of exchange.buckets) this.#wait(readback);
        sums.add(exchange.buckets);
      } else if (exchange?.kind === "gather") {
        const { gather, then } = exchange;
        for (const readback of gather.readbacks) this.#wait(readback);
        gather.take();
        await wait(gather.run());
        then(...gather.rows);
      } else if (exchange?.kind === "owners") {
        const { gather } = exchange;
        this.#wait(gather.readback);
        gather.take();
        // The weights have changed already. Should an owner be lost now, the step ends
        // with this rank's own, and the next exchange fails.
        await wait(gather.run()).then(() => gather.write(), () => {});
      } else if (exchange?.kind === "await") {
        if (next) await this.#runAhead(values, next);
        await sums.write(wait);
        const figures = this.#exact?.of(this.metrics.tensor);
        votes = figures?.[this.metrics.slot("stop")] ?? votes;
        ranks = this.#exact && this.#table.read(this.#exact.extra);
        this.#table.note({ readyMs, waitMs: communicationMs });
      }
    }
    this.#queue.push({ step: values.step, communicationMs, ranks });
    return votes > 0;
  }

  /** Enough is queued: call {@linkcode StepProgram.drain}. */
  get full(): boolean {
    // An exchange within each step waits for the one before.
    return this.#exchanges.size === 0 && this.#queue.full;
  }

  /**
   * What sent gradients still miss, a list for each bucket that travels in 8 bits:
   * part of a checkpoint. Every rank of the communicator calls it.
   */
  async gatherMissing(communicator: Communicator): Promise<Float32Array[][]> {
    const missing: Float32Array[][] = [];
    for (const bucket of this.#blockBuckets()) {
      missing.push(await bucket.gatherMissing(communicator));
    }
    return missing;
  }

  /** Goes on with what {@linkcode StepProgram.gatherMissing} told. */
  restoreMissing(missing: readonly Float32Array[][]): void {
    this.#blockBuckets().forEach((bucket, i) => {
      if (missing[i] !== undefined) bucket.restoreMissing(missing[i]);
    });
  }

  /** Waits for all queued steps. */
  drain(): void {
    this.#collect();
  }

  /** Steps that ended since the last call, in order. */
  takeFinished(): FinishedStep[] {
    return this.#queue.take();
  }

  [Symbol.dispose](): void {
    this.program[Symbol.dispose]();
    this.metrics[Symbol.dispose]();
    this.uniform.tensor.buffer.destroy();
    this.#ones?.buffer.destroy();
    for (const bucket of this.#blockBuckets()) bucket[Symbol.dispose]();
    for (const readback of this.#readbacks) readback[Symbol.dispose]();
    this.#log[Symbol.dispose]();
  }

  #gradients(tensors: readonly Tensor[]): Bucket[] {
    if (tensors.length === 0) return [];
    const [wire, scale] = [this.#wire, this.#scale];
    return [
      recordGradientBucket(this.program, this.#communicator, {
        tensors,
        wire,
        scale,
      }),
    ];
  }

  #blockBuckets(): BlockBucket[] {
    return [...this.#exchanges.values()].flatMap((exchange) =>
      exchange.kind === "bucket" ? exchange.buckets : []
    ).filter((bucket) => bucket instanceof BlockBucket);
  }

  #send(buckets: readonly Bucket[]): void {
    for (const { readback } of buckets) this.#readbacks.push(readback);
    this.#exchanges.set(this.program.cut(), { kind: "bucket", buckets });
  }

  #submit(piece: number, step: number | undefined): void {
    const start = this.#clock.now();
    this.program.submit(piece, (encoder) => {
      if (step !== undefined) this.#log.encode(encoder, step);
    });
    this.#span("submit", start);
  }

  /** The queue is empty then, so the figures of the step before cost no further wait. */
  #wait(readback: Readback): void {
    const start = this.#clock.now();
    readback.wait();
    this.#span("read", start);
    this.#collect();
  }

  async #runAhead(
    values: StepValues,
    next: () => Promise<StepValues>,
  ): Promise<void> {
    if (this.#prefix === undefined) return;
    this.uniform.write(await next());
    for (let piece = 0; piece <= this.#prefix; piece++) {
      this.#submit(piece, undefined);
    }
    this.uniform.write(values);
    this.#ahead = true;
  }

  #collect(): void {
    if (this.#queue.empty) return;
    const start = this.#clock.now();
    this.#queue.collect();
    this.#span("read", start);
  }

  #span(name: string, start: number): void {
    this.onSpan?.(name, start, this.#clock.now());
  }
}
