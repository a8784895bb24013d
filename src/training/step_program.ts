import type { Clock } from "../env/mod.ts";
import {
  type Device,
  elements,
  Program,
  Readback,
  type Tensor,
} from "../gpu/mod.ts";
import type { Communicator } from "./communicator.ts";
import { StepMetrics } from "./step_metrics.ts";
import { StepUniform, type StepValues } from "./step_uniform.ts";

/** What the host does between two pieces of the program. */
type Exchange =
  | { kind: "bucket"; bucket: Bucket }
  | { kind: "await" }
  | { kind: "gather"; gather: Gather; then?: (rows: Float32Array) => void };

/** Gradients that travel together. */
interface Bucket {
  readonly readback: Readback;
  readonly shared: Float32Array<SharedArrayBuffer>;
  readonly tensors: readonly Tensor[];
}

interface Gather {
  readonly readback: Readback;
  readonly shared: Float32Array<SharedArrayBuffer>;
  readonly offsets: readonly number[];
  readonly target: Tensor | undefined;
}

/** Wall time of one step. */
export interface StepTiming {
  /** Waiting for other ranks. */
  communicationMs: number;
  totalMs: number;
}

/**
 * One training step: a recorded program and the exchanges with other ranks
 * between its pieces.
 *
 * With one rank the exchanges vanish and the program is a single submission.
 * Otherwise, in each piece k: submit k, read bucket k - 1 (which returns when k
 * is done, since a map waits for the whole queue), hand it to the
 * communicator's thread, go on.
 */
export class StepProgram {
  readonly program: Program;
  readonly uniform: StepUniform;
  readonly metrics: StepMetrics;
  readonly #device: Device;
  readonly #communicator: Communicator;
  readonly #clock: Clock;
  readonly #exchanges = new Map<number, Exchange>();
  readonly #readbacks: Readback[] = [];
  #timings: Readback | undefined;

  constructor(device: Device, communicator: Communicator, clock: Clock) {
    this.#device = device;
    this.#communicator = communicator;
    this.#clock = clock;
    this.program = new Program(device);
    this.uniform = new StepUniform(device);
    this.metrics = new StepMetrics(device);
  }

  /** Several ranks take part. */
  get distributed(): boolean {
    return this.#communicator.size > 1;
  }

  /**
   * The rows of all ranks in rank order: `offsets[r]` is the first row of rank
   * r, and the last offset the number of rows.
   */
  gather(local: Tensor, offsets: readonly number[]): Tensor {
    if (!this.distributed) return local;
    const width = widthOf(local);
    const target = this.program.scratch([offsets.at(-1)!, width]);
    this.#addGather(local, offsets, target);
    return target;
  }

  /** Hands the rows of all ranks to the host, which may write tensors before the next piece runs. */
  gatherToHost(
    local: Tensor,
    offsets: readonly number[],
    then: (rows: Float32Array) => void,
  ): void {
    this.#addGather(local, offsets, undefined, then);
  }

  /** The gradients in `tensors` are complete: sums them over ranks. */
  bucket(tensors: readonly Tensor[]): void {
    if (!this.distributed) return;
    const length = tensors.reduce((sum, tensor) => sum + tensor.length, 0);
    const readback = this.#readback(length * 4);
    let offset = 0;
    for (const tensor of tensors) {
      this.program.copy(tensor, readback, offset);
      offset += tensor.length * 4;
    }
    const shared = this.#communicator.allocate(length);
    this.#exchanges.set(this.program.cut(), {
      kind: "bucket",
      bucket: { readback, shared, tensors },
    });
  }

  /** From here on the gradients and metrics are the sums over all ranks. */
  awaitBuckets(): void {
    if (!this.distributed) return;
    this.#exchanges.set(this.program.cut(), { kind: "await" });
  }

  /** Call once, when everything is recorded; `norm` is the optimizer's. */
  async finish(norm: Tensor): Promise<void> {
    this.program.copy(
      norm,
      this.metrics.tensor,
      4 * this.metrics.slot("gradientNorm"),
    );
    this.program.copy(this.metrics.tensor, this.metrics.readback);
    await this.metrics.readback.prepare();
    for (const readback of this.#readbacks) await readback.prepare();
    if (this.program.enableTimings()) {
      const bytes = this.program.sections.length * 16;
      this.#timings = await new Readback(this.#device, bytes).prepare();
    }
  }

  /** Runs the step; afterwards {@linkcode StepMetrics.get} has its figures. */
  async run(values: StepValues): Promise<StepTiming> {
    const start = this.#clock.now();
    let communicationMs = 0;
    const timed = async (work: Promise<void>) => {
      const before = this.#clock.now();
      await work;
      communicationMs += this.#clock.now() - before;
    };
    this.uniform.write(values);
    const unread: Bucket[] = [];
    const sums: { bucket: Bucket; done: Promise<void> }[] = [];
    const send = () => {
      for (const bucket of unread.splice(0)) {
        bucket.readback.read(bytesOf(bucket.shared));
        const done = this.#communicator.allReduce(bucket.shared);
        // Awaited below; until then a failure must not count as unhandled.
        done.catch(() => {});
        sums.push({ bucket, done });
      }
    };
    for (let piece = 0; piece < this.program.pieces; piece++) {
      this.program.submit(piece);
      send();
      const exchange = this.#exchanges.get(piece);
      if (exchange?.kind === "bucket") unread.push(exchange.bucket);
      else if (exchange?.kind === "gather") {
        await this.#runGather(exchange.gather, timed);
        exchange.then?.(
          exchange.gather.shared as unknown as Float32Array,
        );
      } else if (exchange?.kind === "await") {
        send();
        for (const { bucket, done } of sums.splice(0)) {
          await timed(done);
          let offset = 0;
          for (const tensor of bucket.tensors) {
            const end = offset + tensor.length;
            this.#device.write(tensor, bucket.shared.subarray(offset, end));
            offset = end;
          }
        }
      }
    }
    this.metrics.read();
    return { communicationMs, totalMs: this.#clock.now() - start };
  }

  /** GPU milliseconds of the last step by section label; empty without timestamps. */
  sectionTimes(): Map<string, number> {
    const times = new Map<string, number>();
    if (this.#timings === undefined) return times;
    for (const { label, milliseconds } of this.program.timings(this.#timings)) {
      times.set(label, (times.get(label) ?? 0) + milliseconds);
    }
    return times;
  }

  [Symbol.dispose](): void {
    this.program[Symbol.dispose]();
    this.metrics[Symbol.dispose]();
    this.uniform.tensor.buffer.destroy();
    for (const readback of this.#readbacks) readback[Symbol.dispose]();
    this.#timings?.[Symbol.dispose]();
  }

  #addGather(
    local: Tensor,
    offsets: readonly number[],
    target: Tensor | undefined,
    then?: (rows: Float32Array) => void,
  ): void {
    const width = widthOf(local);
    const readback = this.#readback(local.length * 4);
    this.program.copy(local, readback);
    const shared = this.#communicator.allocate(offsets.at(-1)! * width);
    const gather = {
      readback,
      shared,
      offsets: offsets.map((row) => row * width),
      target,
    };
    this.#exchanges.set(this.program.cut(), {
      kind: "gather",
      gather,
      ...(then ? { then } : {}),
    });
  }

  async #runGather(
    gather: Gather,
    timed: (work: Promise<void>) => Promise<void>,
  ): Promise<void> {
    const { rank } = this.#communicator;
    const own = gather.shared.subarray(
      gather.offsets[rank]!,
      gather.offsets[rank + 1]!,
    );
    gather.readback.read(bytesOf(own));
    await timed(this.#communicator.allGather(gather.shared, gather.offsets));
    if (gather.target) this.#device.write(gather.target, gather.shared);
  }

  #readback(bytes: number): Readback {
    const readback = new Readback(this.#device, bytes);
    this.#readbacks.push(readback);
    return readback;
  }
}

function widthOf(tensor: Tensor): number {
  return elements(tensor.shape.slice(1));
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
