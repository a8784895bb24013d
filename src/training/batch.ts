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
  /** The same on the host. */
  readonly places: Uint32Array;
  /** Class of each row, `u32 [size]`. */
  readonly labels: Tensor;
  /** Weight of each row in the loss, `[size]`. */
  readonly weights: Tensor;
  readonly #device: Device;

  /** @param positions Position in the global batch of the first row, or of each row. */
  constructor(
    device: Device,
    size: number,
    positions: number | Uint32Array,
  ) {
    this.size = size;
    this.#device = device;
    this.indices = device.tensor([size], undefined, "u32");
    this.places = typeof positions === "number"
      ? consecutive(positions, size)
      : positions;
    this.positions = device.tensor([size], this.places);
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

/** Consecutive rows of a rank's share that pass through the model together. */
export interface RowRange {
  readonly first: number;
  readonly size: number;
}

/** Micro-batches of `microBatch` rows, the last one smaller; 0 = one of all rows. */
export function splitRows(rows: number, microBatch: number): RowRange[] {
  const most = microBatch > 0 ? Math.min(microBatch, rows) : rows;
  return Array.from(
    { length: Math.ceil(rows / Math.max(1, most)) },
    (_, i) => ({
      first: i * most,
      size: Math.min(most, rows - i * most),
    }),
  );
}

/** A rank's rows in one {@linkcode Batch} for each range. */
export class SplitBatch {
  readonly size: number;
  readonly parts: readonly Batch[];
  readonly ranges: readonly RowRange[];

  /** @param positions Position in the global batch of the first row, or of each row. */
  constructor(
    device: Device,
    positions: number | Uint32Array,
    ranges: readonly RowRange[],
  ) {
    this.ranges = ranges;
    this.size = ranges.reduce((sum, { size }) => sum + size, 0);
    const all = typeof positions === "number"
      ? consecutive(positions, this.size)
      : positions;
    this.parts = ranges.map(({ first, size }) =>
      new Batch(device, size, all.subarray(first, first + size))
    );
  }

  writeIndices(indices: Uint32Array): void {
    this.#each((part, first, end) =>
      part.writeIndices(indices.subarray(first, end))
    );
  }

  writeLabels(labels: Uint32Array): void {
    this.#each((part, first, end) =>
      part.writeLabels(labels.subarray(first, end))
    );
  }

  writeWeights(weights: Float32Array): void {
    this.#each((part, first, end) =>
      part.writeWeights(weights.subarray(first, end))
    );
  }

  [Symbol.dispose](): void {
    for (const part of this.parts) part[Symbol.dispose]();
  }

  #each(write: (part: Batch, first: number, end: number) => void): void {
    this.ranges.forEach(({ first, size }, i) => {
      if (size > 0) write(this.parts[i]!, first, first + size);
    });
  }
}

function consecutive(first: number, size: number): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: size }, (_, i) => first + i);
}
