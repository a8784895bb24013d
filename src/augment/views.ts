import type { Device, Program, Tensor } from "../gpu/mod.ts";
import { augment, type ImageStore, packPlan, planStride } from "../ops/mod.ts";
import type { DrawSource } from "./draws.ts";
import type { Size } from "./placement.ts";
import { planView } from "./plan_view.ts";
import {
  changesOf,
  hasCovers,
  hasFill,
  isRandom,
  type ViewPolicy,
} from "./policy.ts";

/** What {@linkcode Views} needs. */
export interface ViewsOptions {
  store: ImageStore;
  policy: ViewPolicy;
  /** Image of each row in the store, `u32 [rows]`. */
  indices: Tensor;
  /** Position of each row in the global batch. */
  positions: readonly number[];
  /** Of the views. */
  size: Size;
  seed: number;
  stream: number;
  salt: number;
}

/**
 * Random views of a batch: the host draws what happens to each image, a step ahead of
 * the GPU, which does it. The draws depend on seed, stream, step, position in the
 * global batch and salt alone, so views do not depend on how ranks divide the batch.
 */
export class Views {
  readonly #device: Device;
  readonly #options: ViewsOptions;
  readonly #plan: Tensor;
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #stride: number;

  constructor(device: Device, options: ViewsOptions) {
    const rows = options.positions.length;
    this.#device = device;
    this.#options = options;
    this.#stride = planStride(changesOf(options.policy));
    this.#words = new Uint32Array(rows * this.#stride);
    this.#plan = device.tensor([rows, this.#stride], undefined, "u32");
    this.#draw(0);
  }

  /** Records the views, `[rows, 3, height, width]` in 0..1: scratch of the program. */
  record(program: Program): Tensor {
    const { store, policy, indices, positions, size } = this.#options;
    const output = program.scratch([
      positions.length,
      3,
      size.height,
      size.width,
    ]);
    augment(program, {
      store,
      indices,
      plan: this.#plan,
      output,
      changes: changesOf(policy),
      resize: policy.resizedCrop.enabled || size.height !== store.height ||
        size.width !== store.width,
      reflect: policy.border === "reflect",
      covers: hasCovers(policy),
      noise: hasFill(policy, "noise"),
      hue: policy.colourJitter.hue > 0,
    });
    return output;
  }

  /** Draws the views of a step. */
  write(step: number): void {
    if (isRandom(this.#options.policy)) this.#draw(step);
  }

  #draw(step: number): void {
    const { store, policy, positions, size, seed, stream, salt } =
      this.#options;
    positions.forEach((position, row) => {
      const source: DrawSource = { seed, stream, step, position, salt };
      const plan = planView(policy, source, { stored: store, size });
      packPlan(plan, this.#words, row * this.#stride);
    });
    this.#device.write(this.#plan, this.#words);
  }

  [Symbol.dispose](): void {
    this.#plan.buffer.destroy();
  }
}
