import type { Device } from "./device.ts";
import {
  type Lifetime,
  planScratch,
  type ScratchPlan,
} from "./scratch_plan.ts";
import { bytesOf, elements, type ElementType, type Tensor } from "./tensor.ts";

/**
 * Scratch buffers of a program, reused by lifetime: what is released may be
 * taken again by what is recorded later.
 *
 * Buffers are shared whole, since a dispatch may not read and write ranges of
 * one buffer. With the plan of an earlier recording each tensor goes where the plan
 * says, as long as the recordings are equal; else into the smallest released buffer
 * that fits.
 */
export class ScratchPool {
  readonly #device: Device;
  #plan: ScratchPlan | undefined;
  /** Buffers of the plan that exist. */
  readonly #planned: (GPUBuffer | undefined)[] = [];
  readonly #free: GPUBuffer[] = [];
  /** Lifetime of what is in each buffer in use. */
  readonly #taken = new Map<GPUBuffer, Lifetime>();
  readonly #pinned = new Set<GPUBuffer>();
  /** Of all tensors so far. */
  readonly #lifetimes: Lifetime[] = [];
  /** Rises with each take and release. */
  #time = 0;
  #bytes = 0;
  #live = 0;
  #peak = 0;

  constructor(device: Device, plan?: ScratchPlan) {
    this.#device = device;
    this.#plan = plan;
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

  /** For another program that is recorded in the same way. */
  get plan(): ScratchPlan {
    return planScratch(this.#lifetimes);
  }

  take(shape: readonly number[], type: ElementType): Tensor {
    const length = elements(shape);
    // Whole texels, as the device's own tensors.
    const bytes = 16 * Math.max(1, Math.ceil(bytesOf(length, type) / 16));
    const buffer = this.#takePlanned(bytes) ?? this.#takeFree(bytes);
    const lifetime = { bytes, start: this.#time++, end: Infinity };
    this.#lifetimes.push(lifetime);
    this.#taken.set(buffer, lifetime);
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
    const before = new Set(this.#taken.values());
    const result = record();
    for (const [buffer, lifetime] of [...this.#taken]) {
      if (!before.has(lifetime)) this.#giveBack(buffer);
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

  #takeFree(bytes: number): GPUBuffer {
    let best = -1;
    for (let i = 0; i < this.#free.length; i++) {
      const { size } = this.#free[i]!;
      if (size < bytes || size > 2 * bytes + 4096) continue;
      if (best < 0 || size < this.#free[best]!.size) best = i;
    }
    return best >= 0 ? this.#free.splice(best, 1)[0]! : this.#create(bytes);
  }

  #takePlanned(bytes: number): GPUBuffer | undefined {
    if (this.#plan === undefined) return undefined;
    const { sizes, tensors } = this.#plan;
    const place = tensors[this.#lifetimes.length];
    const made = this.#planned[place?.buffer ?? -1];
    if (place?.bytes !== bytes || (made && this.#taken.has(made))) {
      // A phase may find, when it really opens, that it must record other things.
      this.#plan = undefined;
      return undefined;
    }
    if (made === undefined) {
      return this.#planned[place.buffer] = this.#create(sizes[place.buffer]!);
    }
    this.#free.splice(this.#free.indexOf(made), 1);
    return made;
  }

  #create(bytes: number): GPUBuffer {
    const { buffer } = this.#device.memory.as(
      "activations",
      () => this.#device.tensor([bytes / 4]),
    );
    this.#bytes += buffer.size;
    return buffer;
  }

  #giveBack(buffer: GPUBuffer): void {
    if (this.#pinned.has(buffer)) return;
    const lifetime = this.#taken.get(buffer)!;
    lifetime.end = this.#time++;
    this.#live -= lifetime.bytes;
    this.#taken.delete(buffer);
    this.#free.push(buffer);
  }
}
