import type { Device, Tensor } from "../gpu/mod.ts";

/** Figures of a step: sums over the global batch, already divided by its size. */
export const METRICS = [
  "crossEntropy",
  /** Of the distillation head. */
  "crossEntropyDistillation",
  "correct",
  "soft",
  "hard",
  "feature",
  "attention",
  "relationalDistance",
  "relationalAngle",
  "consistency",
  "fairness",
  /** Ranks that ask to stop after this step. */
  "stop",
  /** Global norm of the summed gradient before clipping. */
  "gradientNorm",
  /** 0, or 1 when this step's update was skipped, or 2 when all are from now on: see `gradientNorm`. */
  "gate",
  /** 1 / lossScale. */
  "unscale",
  /** Factor of the loss in backward; 1 without scaling. */
  "lossScale",
] as const;

export type Metric = typeof METRICS[number];

/** The figures of one step. */
export interface MetricValues {
  get(metric: Metric): number;
}

const SLOTS = 16;

/**
 * A small tensor that loss kernels write into, one slot each. It travels with
 * the last gradient bucket, so its sums over ranks cost no message of their
 * own. Slots that no kernel writes are set by the host, or stay 0.
 */
export class StepMetrics {
  /** One value per metric, `[16]`. */
  readonly tensor: Tensor;
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
    this.tensor = device.tensor([SLOTS]);
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

  /** The figures in a copy of the tensor. */
  static values(slots: Float32Array): MetricValues {
    return { get: (metric) => slots[METRICS.indexOf(metric)]! };
  }

  [Symbol.dispose](): void {
    this.tensor.buffer.destroy();
  }
}
