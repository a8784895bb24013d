import type { Device } from "./device.ts";

/**
 * A persistent staging buffer that the host reads without a fixed-time wait.
 *
 * Deno's `mapAsync` polls the queue inside the call and then sleeps 10 ms
 * before its promise resolves. When the call returns the data is there, so the
 * range is read at once and the promise ignored. That needs one awaited
 * `mapAsync` before (else Deno 2.9.6 panics) and is checked when the device
 * opens; where the check fails, {@linkcode Readback.read} is not used.
 *
 * @example
 * ```ts
 * import { Device, Program, Readback } from "@signet/signet";
 * import { deepStrictEqual } from "node:assert";
 *
 * using device = await Device.open();
 * const tensor = device.tensor([2], Float32Array.of(1, 2));
 * using readback = await new Readback(device, 8).prepare();
 * using program = new Program(device);
 * program.copy(tensor, readback);
 * program.submit();
 * const values = new Float32Array(2);
 * readback.read(new Uint8Array(values.buffer));
 * deepStrictEqual([...values], [1, 2]);
 * ```
 */
export class Readback {
  readonly buffer: GPUBuffer;
  readonly #device: Device;

  #prepared = false;
  /** Settles some time after the range is there. */
  #pending: Promise<void> | undefined;

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
    this.wait();
    this.take(target);
  }

  /**
   * Waits for everything submitted so far. Blocks the thread. Until {@linkcode
   * Readback.take} other work may be submitted, as long as it does not write here.
   */
  wait(): void {
    if (!this.#prepared) throw new Error("Cannot read before prepare()");
    this.#pending = this.buffer.mapAsync(GPUMapMode.READ);
  }

  /** Copies the first `target.byteLength` bytes of what was waited for. */
  take(target: Uint8Array): void {
    try {
      const range = this.buffer.getMappedRange();
      target.set(new Uint8Array(range, 0, target.byteLength));
    } finally {
      this.buffer.unmap();
      this.#pending?.catch(() => {
        // Unmapping before the promise resolves rejects it: expected.
      });
    }
    this.#device.check();
  }

  [Symbol.dispose](): void {
    this.buffer.destroy();
  }
}
