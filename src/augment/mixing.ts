import type { Device, Program, Tensor } from "../gpu/mod.ts";
import { MIX_WORDS, mixImages, mixTargets, packMix } from "../ops/mod.ts";
import { partnerOf, planMix } from "./plan_mix.ts";
import type { Size } from "./placement.ts";
import type { MixPolicy } from "./policy.ts";

/** What {@linkcode Mixing} needs. */
export interface MixingOptions {
  policy: MixPolicy;
  globalBatch: number;
  /** First position of the rank's rows in the global batch, and how many there are. */
  first: number;
  size: number;
  image: Size;
  seed: number;
  stream: number;
}

/** Differs from the salts of views. */
const SALT = 0x6d6978;

/**
 * Mixup and CutMix over the global batch. A partner that belongs to another rank is
 * made here too, from the store and with its own position's random numbers: nothing
 * is exchanged, and the images do not depend on how ranks divide the batch.
 */
export class Mixing {
  /** Positions in the global batch: the rank's own rows, then partners of other ranks. */
  readonly positions: readonly number[];
  /** Image of each of these, `u32`. */
  readonly indices: Tensor;
  readonly #device: Device;
  readonly #options: MixingOptions;
  readonly #labels: Tensor;
  readonly #weights: Tensor;
  readonly #records: Tensor;
  readonly #partners: readonly number[];

  constructor(device: Device, options: MixingOptions) {
    const { first, size, globalBatch } = options;
    const positions = Array.from({ length: size }, (_, i) => first + i);
    this.#partners = positions.map((position) => {
      const partner = partnerOf(position, globalBatch);
      return partner >= first && partner < first + size
        ? partner - first
        : positions.push(partner) - 1;
    });
    this.positions = positions;
    const all = positions.length;
    this.#device = device;
    this.#options = options;
    this.indices = device.tensor([all], undefined, "u32");
    this.#labels = device.tensor([all], undefined, "u32");
    this.#weights = device.tensor([all], new Float32Array(all).fill(1));
    this.#records = device.tensor([size, MIX_WORDS], undefined, "u32");
  }

  /** Records the mix of the views of all positions: scratch, `[size, 3, height, width]`. */
  record(program: Program, views: Tensor): Tensor {
    const { size, image } = this.#options;
    const output = program.scratch([size, 3, image.height, image.width]);
    mixImages(program, { images: views, mixing: this.#records, output });
    return output;
  }

  /** Records the targets that belong to them: scratch, `[size, classes]`. */
  recordTargets(
    program: Program,
    { classes, smoothing }: { classes: number; smoothing: number },
  ): Tensor {
    const output = program.scratch([this.#options.size, classes]);
    mixTargets(program, {
      labels: this.#labels,
      weights: this.#weights,
      mixing: this.#records,
      smoothing,
      output,
    });
    return output;
  }

  /** Writes a step's images, labels and known-label weights, all by {@linkcode positions}. */
  write(
    step: number,
    { indices, labels, weights }: {
      indices: Uint32Array;
      labels: Uint32Array;
      weights?: Float32Array;
    },
  ): void {
    const { policy, first, image, seed, stream } = this.#options;
    const words = new Uint32Array(this.#partners.length * MIX_WORDS);
    this.#partners.forEach((partner, row) => {
      const position = first + row;
      const source = { seed, stream, step, position, salt: SALT };
      const plan = planMix(policy, source, image);
      packMix({ ...plan, partner }, words, row * MIX_WORDS);
    });
    this.#device.write(this.#records, words);
    this.#device.write(this.indices, indices);
    this.#device.write(this.#labels, labels);
    if (weights) this.#device.write(this.#weights, weights);
  }

  [Symbol.dispose](): void {
    for (
      const { buffer } of [
        this.indices,
        this.#labels,
        this.#weights,
        this.#records,
      ]
    ) buffer.destroy();
  }
}
