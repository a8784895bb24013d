import { shuffle } from "../random.ts";

/** Epochs kept: a batch that crosses an epoch's end asks for two. */
const KEPT_EPOCHS = 2;

/**
 * Which image stands at which place of an endless stream of samples. The stream
 * runs through all images once per epoch, each epoch in an order of its own, and
 * is a function of (indices, seed, purpose) alone: not of the number of ranks, nor
 * of what was asked before.
 */
export class Sampler {
  readonly #indices: Int32Array;
  readonly #seed: number;
  readonly #purpose: number;
  readonly #orders = new Map<number, Uint32Array>();

  constructor(indices: Int32Array, seed: number, purpose: number) {
    if (indices.length === 0) {
      throw new RangeError("Cannot sample: there are 0 images");
    }
    this.#indices = indices;
    this.#seed = seed;
    this.#purpose = purpose;
  }

  /** Images of an epoch. */
  get length(): number {
    return this.#indices.length;
  }

  /** The image at a place of the stream, counted over the whole global batch. */
  at(position: number): number {
    const count = this.#indices.length;
    const order = this.#order(Math.floor(position / count));
    return this.#indices[order[position % count]!]!;
  }

  #order(epoch: number): Uint32Array {
    let order = this.#orders.get(epoch);
    if (!order) {
      order = shuffle(this.#indices.length, this.#seed, this.#purpose, epoch);
      for (const oldest of this.#orders.keys()) {
        if (this.#orders.size < KEPT_EPOCHS) break;
        this.#orders.delete(oldest);
      }
      this.#orders.set(epoch, order);
    }
    return order;
  }
}
