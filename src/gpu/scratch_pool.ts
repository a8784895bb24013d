import type { Device } from "./device.ts";
import { bytesOf, elements, type ElementType, type Tensor } from "./tensor.ts";

/**
 * Scratch buffers of a program, reused by lifetime: what is released may be
 * taken again by what is recorded later.
 *
 * Buffers are shared whole, since a dispatch may not read and write ranges of
 * one buffer.
 */
export class ScratchPool {
  readonly #device: Device;
  readonly #free: GPUBuffer[] = [];
  /** Bytes asked for, of each buffer in use. */
  readonly #taken = new Map<GPUBuffer, number>();
  readonly #pinned = new Set<GPUBuffer>();
  #bytes = 0;
  #live = 0;
  #peak = 0;

  constructor(device: Device) {
    this.#device = device;
  }

  /** Bytes of all buffers. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Most bytes in use at once: no pool can do with less. */
  get lowerBound(): number {
    return this.#peak;
  }

  /** Sizes of all buffers, largest first. */
  get sizes(): number[] {
    return [...this.#free, ...this.#taken.keys()].map(({ size }) => size)
      .sort((a, b) => b - a);
  }

  take(shape: readonly number[], type: ElementType): Tensor {
    const length = elements(shape);
    const bytes = Math.max(4, bytesOf(length, type));
    let best = -1;
    for (let i = 0; i < this.#free.length; i++) {
      const { size } = this.#free[i]!;
      if (size < bytes || size > 2 * bytes + 4096) continue;
      if (best < 0 || size < this.#free[best]!.size) best = i;
    }
    const buffer = best >= 0
      ? this.#free.splice(best, 1)[0]!
      : this.#create(shape, type);
    this.#taken.set(buffer, bytes);
    this.#live += bytes;
    this.#peak = Math.max(this.#peak, this.#live);
    return { buffer, offset: 0, shape, length, type };
  }

  release(tensor: Tensor): void {
    const { buffer, shape } = tensor;
    if (this.#taken.has(buffer)) return this.#giveBack(buffer);
    throw new Error(
      this.#free.includes(buffer)
        ? `Cannot release a tensor [${shape}] twice`
        : "Cannot release a tensor that is no scratch of this program",
    );
  }

  /** Never gives this buffer to another tensor. */
  pin({ buffer }: Tensor): void {
    this.#pinned.add(buffer);
  }

  /** Gives back what `record` takes and does not release. */
  scope<T>(record: () => T): T {
    const before = new Set(this.#taken.keys());
    const result = record();
    for (const buffer of [...this.#taken.keys()]) {
      if (!before.has(buffer)) this.#giveBack(buffer);
    }
    return result;
  }

  [Symbol.dispose](): void {
    for (const buffer of [...this.#free, ...this.#taken.keys()]) {
      buffer.destroy();
    }
    this.#free.length = 0;
    this.#taken.clear();
  }

  #create(shape: readonly number[], type: ElementType): GPUBuffer {
    const { buffer } = this.#device.memory.as(
      "activations",
      () => this.#device.tensor(shape, undefined, type),
    );
    this.#bytes += buffer.size;
    return buffer;
  }

  #giveBack(buffer: GPUBuffer): void {
    if (this.#pinned.has(buffer)) return;
    this.#live -= this.#taken.get(buffer)!;
    this.#taken.delete(buffer);
    this.#free.push(buffer);
  }
}
