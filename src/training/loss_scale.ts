import type { Device, Program, RealType, Tensor } from "../gpu/mod.ts";
import type { HeadGradients } from "../model/mod.ts";
import { cast, type LossScaleRule } from "../ops/mod.ts";

/** As in the configuration, `lossScale`. */
export interface LossScaleOptions {
  /** Scale of the first step, a power of 2. */
  initial: number;
  /** Good steps in a row after which it doubles. */
  growthInterval: number;
}

/** Largest scale that growth reaches; a larger first one only falls. */
const LARGEST = 2 ** 24;

/**
 * Factor of the loss in backward, so that small gradients do not vanish in f16: dynamic, doubled after good steps, halved and the step skipped
 * after one whose summed gradient is not finite. All ranks see the same sums,
 * so all skip the same steps.
 */
export class LossScale {
  /** `[4]`: scale, good steps in a row, steps that bias corrections do not count, 0. */
  readonly state: Tensor;
  readonly rule: LossScaleRule;
  /** The step's values, with bias corrections that do not count skipped steps: see `biasCorrections`. */
  readonly step: Tensor;
  readonly #device: Device;
  readonly #activations: RealType;

  constructor(
    device: Device,
    options: LossScaleOptions,
    activations: RealType,
  ) {
    this.#device = device;
    this.#activations = activations;
    this.rule = {
      growthInterval: options.growthInterval,
      growth: 2,
      backoff: 0.5,
      least: 1,
      largest: Math.max(LARGEST, options.initial),
    };
    this.state = device.tensor(
      [4],
      new Float32Array([options.initial, 0, 0, 0]),
    );
    this.step = device.tensor([8], undefined, "u32");
  }

  /** Records the scaled gradients of the losses; that of tokens takes the type of activations. */
  record(program: Program, losses: HeadGradients): HeadGradients {
    const scaled: HeadGradients = {};
    for (const [name, input] of Object.entries(losses)) {
      const key = name as keyof HeadGradients;
      const type = key === "dTokens" ? this.#activations : "f32";
      scaled[key] = this.recordOne(program, input, type);
    }
    return scaled;
  }

  /** Records one gradient of the scaled loss. */
  recordOne(program: Program, input: Tensor, type: RealType = "f32"): Tensor {
    const output = program.scratch(input.shape, type);
    cast(program, { input, output, factor: this.state });
    return output;
  }

  /** Bias corrections count from this step on; the scale stays. */
  restart(step: number): void {
    this.#device.write(this.state, new Float32Array([step]), 2);
  }

  async save(): Promise<number[]> {
    return [...await this.#device.read(this.state)];
  }

  restore(state: readonly number[]): void {
    this.#device.write(this.state, Float32Array.from(state));
  }

  [Symbol.dispose](): void {
    this.state.buffer.destroy();
    this.step.buffer.destroy();
  }
}
