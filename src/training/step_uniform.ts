import type { Device, Tensor } from "../gpu/mod.ts";

/** The host's side of `src/ops/common/step.wgsl`. */
export interface StepValues {
  seed: number;
  stream: number;
  step: number;
  learningRate: number;
  correction1: number;
  correction2: number;
  emaDecay: number;
}

/** The per-step uniform: one small buffer, written once per step. */
export class StepUniform {
  readonly tensor: Tensor;
  readonly #device: Device;
  readonly #words = new Uint32Array(8);
  readonly #floats = new Float32Array(this.#words.buffer);

  constructor(device: Device) {
    this.#device = device;
    this.tensor = device.tensor([8], undefined, "u32");
  }

  write(values: StepValues): void {
    this.#words[0] = values.seed;
    this.#words[1] = values.stream;
    this.#words[2] = values.step;
    this.#floats[3] = values.learningRate;
    this.#floats[4] = values.correction1;
    this.#floats[5] = values.correction2;
    this.#floats[6] = 1 - values.emaDecay;
    this.#device.write(this.tensor, this.#words);
  }
}
