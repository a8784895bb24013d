import {
  type Device,
  type Program,
  Readback,
  tensorBytes,
  type Timing,
  type TimingLevel,
} from "../gpu/mod.ts";
import { type MetricValues, StepMetrics } from "./step_metrics.ts";

/** Steps whose figures may wait on the GPU. */
export const LOG_DEPTH = 16;

/** Alignment of what follows the metrics. */
const METRIC_BYTES = 256;

/** What a step leaves on the GPU for the host to read later. */
export interface StepRecord {
  metrics: MetricValues;
  /** Empty where the adapter has no timestamps. */
  timings: Timing[];
}

/**
 * Figures of the last {@linkcode LOG_DEPTH} steps in one staging buffer, so
 * that steps follow each other on the GPU without a wait of the host between.
 */
export class StepLog {
  readonly #device: Device;
  readonly #program: Program;
  readonly #metrics: StepMetrics;
  #slotBytes = METRIC_BYTES;
  #readback: Readback | undefined;

  constructor(device: Device, program: Program, metrics: StepMetrics) {
    this.#device = device;
    this.#program = program;
    this.#metrics = metrics;
  }

  /** Call it when everything is recorded and again to change the level. */
  async prepare(level: TimingLevel): Promise<void> {
    this.#slotBytes = METRIC_BYTES + this.#program.enableTimings(level);
    this.#readback?.[Symbol.dispose]();
    this.#readback = await new Readback(
      this.#device,
      LOG_DEPTH * this.#slotBytes,
    ).prepare();
  }

  /** For the last piece of a step. */
  encode(encoder: GPUCommandEncoder, step: number): void {
    const { tensor } = this.#metrics;
    const readback = this.#readback!;
    const offset = this.#offset(step);
    encoder.copyBufferToBuffer(
      tensor.buffer,
      tensor.offset,
      readback.buffer,
      offset,
      tensorBytes(tensor),
    );
    this.#program.copyTimings(encoder, readback, offset + METRIC_BYTES);
  }

  /** Waits for the queue, then returns the figures of these steps. */
  read(steps: readonly number[]): StepRecord[] {
    const bytes = new Uint8Array(LOG_DEPTH * this.#slotBytes);
    this.#readback!.read(bytes);
    return steps.map((step) => {
      const offset = this.#offset(step);
      const slots = new Float32Array(
        bytes.slice(offset, offset + tensorBytes(this.#metrics.tensor)).buffer,
      );
      const stamps = bytes.subarray(
        offset + METRIC_BYTES,
        offset + this.#slotBytes,
      );
      return {
        metrics: StepMetrics.values(slots),
        timings: stamps.length === 0 ? [] : this.#program.parseTimings(stamps),
      };
    });
  }

  [Symbol.dispose](): void {
    this.#readback?.[Symbol.dispose]();
  }

  #offset(step: number): number {
    return step % LOG_DEPTH * this.#slotBytes;
  }
}
