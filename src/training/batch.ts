import type { Device, Tensor } from "../gpu/mod.ts";

/** Row index of a padding row: its image is black and its weight 0. */
export const NO_IMAGE = 0xffffffff;

/** The images of one step on this rank; the host writes them, kernels read them. */
export class Batch {
  readonly size: number;
  /** Image of each row in the store, `u32 [size]`. */
  readonly indices: Tensor;
  /** Position of each row in the global batch, `u32 [size]`: fixed. */
  readonly positions: Tensor;
  /** Class of each row, `u32 [size]`. */
  readonly labels: Tensor;
  /** Weight of each row in the loss, `[size]`. */
  readonly weights: Tensor;
  readonly #device: Device;

  /** @param firstPosition Position in the global batch of the first row. */
  constructor(device: Device, size: number, firstPosition: number) {
    this.size = size;
    this.#device = device;
    this.indices = device.tensor([size], undefined, "u32");
    this.positions = device.tensor(
      [size],
      Uint32Array.from({ length: size }, (_, i) => firstPosition + i),
    );
    this.labels = device.tensor([size], undefined, "u32");
    this.weights = device.tensor([size], new Float32Array(size).fill(1));
  }

  writeIndices(indices: Uint32Array): void {
    this.#device.write(this.indices, indices);
  }

  writeLabels(labels: Uint32Array): void {
    this.#device.write(this.labels, labels);
  }

  writeWeights(weights: Float32Array): void {
    this.#device.write(this.weights, weights);
  }

  [Symbol.dispose](): void {
    for (
      const { buffer } of [
        this.indices,
        this.positions,
        this.labels,
        this.weights,
      ]
    ) buffer.destroy();
  }
}
