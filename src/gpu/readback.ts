import type { Device } from "./device.ts";

/**
 * A persistent staging buffer that the host reads without a fixed-time wait.
 *
 * Deno's `mapAsync` polls the queue inside the call and then sleeps 10 ms
 * before its promise resolves. When the call returns the data is there, so the
 * range is read at once and the promise ignored. That needs one awaited
 * `mapAsync` before (else Deno 2.9.6 panics) and is checked when the device
 * opens; where the check fails, {@linkcode Readback.read} is not used.
 */
export class Readback {
  readonly buffer: GPUBuffer;
  readonly #device: Device;

  #prepared = false;

  /** @param bytes Size, rounded up to a multiple of 4. */
  constructor(device: Device, bytes: number) {
    this.#device = device;
    this.buffer = device.memory.as(
      "staging",
      () =>
        device.buffer(
          Math.max(4, Math.ceil(bytes / 4) * 4),
          GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
        ),
    );
  }

  /** The one awaited `mapAsync`; call it once before the first read. */
  async prepare(): Promise<this> {
    await this.buffer.mapAsync(GPUMapMode.READ);
    this.buffer.unmap();
    this.#prepared = true;
    return this;
  }

  /**
   * Waits for everything submitted so far, then copies the first
   * `target.byteLength` bytes. Blocks the thread.
   */
  read(target: Uint8Array): void {
    if (!this.#prepared) throw new Error("Cannot read before prepare()");
    const pending = this.buffer.mapAsync(
      GPUMapMode.READ,
      0,
      Math.ceil(target.byteLength / 4) * 4,
    );
    try {
      const range = this.buffer.getMappedRange(
        0,
        Math.ceil(target.byteLength / 4) * 4,
      );
      target.set(new Uint8Array(range, 0, target.byteLength));
    } finally {
      this.buffer.unmap();
      pending.catch(() => {
        // Unmapping before the promise resolves rejects it: expected.
      });
    }
    this.#device.check();
  }

  [Symbol.dispose](): void {
    this.buffer.destroy();
  }
}
