import type { Device } from "./device.ts";
import { type PipelineUse, type TextureKind, UNIFORM_SLOT } from "./kernel.ts";
import { TEXTURE_WIDTH } from "./texture_layout.ts";

/** Enough for what must be there; kernels find zeros past the end of a buffer. */
const BUFFER_BYTES = 4096;
/** No power of two, as those of programs. */
const TEXTURE_SIZE = 3;

/**
 * Makes pipelines before a program needs them, then runs a workgroup of each:
 * drivers of CPU adapters compile at the first dispatch, on a thread of their
 * own, so that the host goes on meanwhile. Mesa makes no pipeline while it
 * compiles or runs one, so that all are made first.
 *
 * What is bound is small and zeros, but has what Mesa compiles for: the values of
 * uniforms, which it puts into the code where that makes it much shorter, and
 * which sizes of textures are powers of two.
 *
 * @param pause Awaited after each pipeline, for other work of this thread.
 * @returns What the GPU had to object. It is no failure of the device: who needs
 * such a pipeline will hear of it.
 */
export async function compileEarly(
  device: Device,
  uses: readonly PipelineUse[],
  pause: () => Promise<void>,
): Promise<string[]> {
  const { gpu } = device;
  const objections: string[] = [];
  const made: PipelineUse[] = [];
  for (const use of uses) {
    gpu.pushErrorScope("validation");
    device.pipelines.get(use);
    const error = await gpu.popErrorScope();
    if (error === null) made.push(use);
    else objections.push(error.message);
    await pause();
  }
  gpu.pushErrorScope("validation");
  dispatchOnce(device, made);
  const error = await gpu.popErrorScope();
  if (error !== null) objections.push(error.message);
  return objections;
}

function dispatchOnce(device: Device, uses: readonly PipelineUse[]): void {
  const { gpu } = device;
  using stand = new StandIns(device, uses.length);
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const use of uses) {
    const { kernel, uniforms, textures, buffers } = use;
    const pipeline = device.pipelines.get(use);
    const resources = [
      ...(uniforms === undefined ? [] : [stand.uniforms(uniforms)]),
      ...textures.map((kind, i) => stand.texture(kind, i)),
      ...Array.from({ length: buffers }, (_, i) => stand.buffer(i)),
    ];
    const bindings = gpu.createBindGroup({
      label: kernel.name,
      layout: pipeline.getBindGroupLayout(0),
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindings);
    pass.dispatchWorkgroups(1);
  }
  pass.end();
  gpu.queue.submit([encoder.finish()]);
}

/** What is bound: each place has its own, since one may be read and another written. */
class StandIns {
  readonly #device: Device;
  readonly #buffers: GPUBuffer[] = [];
  readonly #textures = new Map<string, GPUTexture>();
  readonly #uniforms: GPUBuffer;
  #slots = 0;

  constructor(device: Device, uses: number) {
    this.#device = device;
    this.#uniforms = device.buffer(
      UNIFORM_SLOT * uses,
      GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    );
  }

  uniforms(words: Uint32Array<ArrayBuffer>): GPUBufferBinding {
    const buffer = this.#uniforms;
    const offset = UNIFORM_SLOT * this.#slots++;
    this.#device.gpu.queue.writeBuffer(buffer, offset, words);
    return { buffer, offset, size: words.byteLength };
  }

  buffer(place: number): GPUBufferBinding {
    const buffer = this.#buffers[place] ??= this.#device.buffer(
      BUFFER_BYTES,
      GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM,
    );
    return { buffer };
  }

  texture({ format, flat }: TextureKind, place: number): GPUTextureView {
    const key = `${format} ${flat} ${place}`;
    let texture = this.#textures.get(key);
    if (texture === undefined) {
      texture = this.#device.gpu.createTexture({
        size: [flat ? TEXTURE_WIDTH : TEXTURE_SIZE, TEXTURE_SIZE],
        format,
        usage: GPUTextureUsage.STORAGE_BINDING |
          GPUTextureUsage.TEXTURE_BINDING,
      });
      this.#textures.set(key, texture);
    }
    return texture.createView();
  }

  /** Commands that use them may still be queued: the GPU keeps them as long. */
  [Symbol.dispose](): void {
    this.#uniforms.destroy();
    for (const buffer of this.#buffers) buffer.destroy();
    for (const texture of this.#textures.values()) texture.destroy();
  }
}
