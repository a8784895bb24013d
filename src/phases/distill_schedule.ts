import {
  type Config,
  DISTILL_LOSSES,
  type DistillLoss,
  finalValue,
} from "../config/mod.ts";
import type { Device, Tensor } from "../gpu/mod.ts";
import type { RowRange } from "../training/mod.ts";

type Options = Config["phases"]["distill"];

/**
 * Weights and temperature of distillation as they change over the phase. A loss is
 * recorded with its larger weight; rows, or a factor, bring it to that of the step.
 */
export class DistillSchedule {
  /** `1 / temperature`, `[1]`; absent while the temperature is constant. */
  readonly cooling: Tensor | undefined;
  readonly #device: Device;
  readonly #options: Options;
  readonly #steps: number;
  /** Ones for each micro-batch. */
  readonly #everyRow: readonly Tensor[];
  /** For each micro-batch, of losses whose weight changes. */
  readonly #rows = new Map<DistillLoss, readonly Tensor[]>();
  readonly #factors = new Map<DistillLoss, Tensor>();

  constructor(
    device: Device,
    options: Options,
    { steps, ranges }: { steps: number; ranges: readonly RowRange[] },
  ) {
    this.#device = device;
    this.#options = options;
    this.#steps = steps;
    this.#everyRow = ranges.map(({ size }) =>
      device.tensor([size], new Float32Array(size).fill(1))
    );
    if (options.end.temperature !== "same") {
      this.cooling = device.tensor([1]);
    }
    for (const loss of DISTILL_LOSSES) {
      if (!this.#changes(loss)) continue;
      this.#factors.set(loss, device.tensor([1]));
      this.#rows.set(loss, ranges.map(({ size }) => device.tensor([size])));
    }
  }

  /** Weight that a loss is recorded with; 0 = it is not used. */
  scale(loss: DistillLoss): number {
    return Math.max(this.#options[loss], finalValue(this.#options, loss));
  }

  /** Row weights of a loss in a micro-batch. */
  rows(loss: DistillLoss, index: number): Tensor {
    return (this.#rows.get(loss) ?? this.#everyRow)[index]!;
  }

  /** Weight 1 for all rows of a micro-batch. */
  everyRow(index: number): Tensor {
    return this.#everyRow[index]!;
  }

  /** The factor of a step, `[1]`; absent while the weight is constant. */
  factor(loss: DistillLoss): Tensor | undefined {
    return this.#factors.get(loss);
  }

  /** Weight of a loss at a step, as a part of {@linkcode scale}. */
  factorAt(loss: DistillLoss, step: number): number {
    const scale = this.scale(loss);
    if (scale === 0) return 0;
    return this.#at(loss, step) / scale;
  }

  /** Writes what a step changes. */
  write(step: number): void {
    const hot = this.#at("temperature", step);
    if (this.cooling) {
      this.#device.write(this.cooling, new Float32Array([1 / hot]));
    }
    for (const [loss, rows] of this.#rows) {
      const factor = this.factorAt(loss, step);
      this.#device.write(this.#factors.get(loss)!, new Float32Array([factor]));
      // The loss is taken at temperature 1 then and misses its square.
      const weight = loss === "soft" && this.cooling
        ? factor * hot ** 2
        : factor;
      for (const tensor of rows) {
        const weights = new Float32Array(tensor.length).fill(weight);
        this.#device.write(tensor, weights);
      }
    }
  }

  [Symbol.dispose](): void {
    const owned = [
      ...this.#everyRow,
      ...this.#factors.values(),
      ...[...this.#rows.values()].flat(),
      ...(this.cooling ? [this.cooling] : []),
    ];
    for (const { buffer } of owned) buffer.destroy();
  }

  #changes(loss: DistillLoss): boolean {
    return this.#options.end[loss] !== "same" ||
      (loss === "soft" && this.cooling !== undefined);
  }

  #at(key: DistillLoss | "temperature", step: number): number {
    const start = this.#options[key];
    const progress = Math.min(1, step / Math.max(1, this.#steps - 1));
    return start + (finalValue(this.#options, key) - start) * progress;
  }
}
