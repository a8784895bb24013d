import { type Device, Readback, type Tensor } from "../gpu/mod.ts";

/** Figures of a step: sums over the global batch, already divided by its size. */
export const METRICS = [
  "crossEntropy",
  /** Of the distillation head. */
  "crossEntropyDistillation",
  "correct",
  "soft",
  "hard",
  "feature",
  "relationalDistance",
  "relationalAngle",
  "consistency",
  /** Ranks that ask to stop after this step. */
  "stop",
  /** Global norm of the summed gradient before clipping. */
  "gradientNorm",
  /** 1 when that gradient holds a value that is not finite. */
  "nonFinite",
] as const;

export type Metric = typeof METRICS[number];

const SLOTS = 16;

/**
 * A small tensor that loss kernels write into, one slot each. It travels with
 * the last gradient bucket, so its sums over ranks cost no message of their
 * own. Slots that no kernel writes are set by the host, or stay 0.
 */
export class StepMetrics {
  /** One value per metric, `[16]`. */
  readonly tensor: Tensor;
  readonly readback: Readback;
  readonly #device: Device;
  readonly #values = new Float32Array(SLOTS);

  constructor(device: Device) {
    this.#device = device;
    this.tensor = device.tensor([SLOTS]);
    this.readback = new Readback(device, SLOTS * 4);
  }

  slot(metric: Metric): number {
    return METRICS.indexOf(metric);
  }

  /** Sets a slot that the host knows. */
  set(metric: Metric, value: number): void {
    this.#device.write(
      this.tensor,
      new Float32Array([value]),
      this.slot(metric),
    );
  }

  /** Waits for the step. */
  read(): void {
    this.readback.read(new Uint8Array(this.#values.buffer));
  }

  get(metric: Metric): number {
    return this.#values[this.slot(metric)]!;
  }

  [Symbol.dispose](): void {
    this.readback[Symbol.dispose]();
    this.tensor.buffer.destroy();
  }
}
