import type { Device } from "./device.ts";
import type { Dispatch } from "./dispatch.ts";
import { UNIFORM_SLOT } from "./kernel.ts";

/** Slots of a buffer. */
const SLOTS = 128;

/** Uniforms of a program's dispatches, many in a buffer. */
export class UniformSlots implements Disposable {
  readonly #device: Device;
  readonly #buffers: GPUBuffer[] = [];
  #used = SLOTS;

  constructor(device: Device) {
    this.#device = device;
  }

  /** Writes what {@linkcode packed} gave into a slot of its own. */
  take(data: Uint32Array<ArrayBuffer>): GPUBufferBinding {
    if (this.#used === SLOTS) {
      this.#buffers.push(
        this.#device.buffer(
          UNIFORM_SLOT * SLOTS,
          GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
        ),
      );
      this.#used = 0;
    }
    const buffer = this.#buffers.at(-1)!;
    const offset = UNIFORM_SLOT * this.#used++;
    this.#device.gpu.queue.writeBuffer(buffer, offset, data);
    return { buffer, offset, size: data.byteLength };
  }

  [Symbol.dispose](): void {
    for (const buffer of this.#buffers) buffer.destroy();
    this.#buffers.length = 0;
  }
}

/** As whole vectors, all `u32` first. */
export function packed(
  { u32 = [], f32 = [] }: NonNullable<Dispatch["uniforms"]>,
): Uint32Array<ArrayBuffer> {
  const words = Math.ceil((u32.length + f32.length) / 4) * 4;
  if (words * 4 > UNIFORM_SLOT) {
    throw new RangeError(
      `Cannot pack ${words * 4} bytes of uniforms: at most 256`,
    );
  }
  const data = new Uint32Array(words);
  data.set(u32);
  new Float32Array(data.buffer).set(f32, u32.length);
  return data;
}
