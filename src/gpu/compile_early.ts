import type { Device } from "./device.ts";
import type { BindingKind, PipelineUse } from "./kernel.ts";

/** Larger than what any kernel wants of a binding whose length is not its own. */
const BUFFER_BYTES = 4096;
/** Mesa compiles a kernel again for textures whose sizes are powers of two. */
const TEXTURE_SIZE = 3;

/**
 * Makes pipelines before a program needs them, and runs each once on small
 * buffers of zeros: drivers of CPU adapters compile at the first dispatch, on a
 * thread of their own, so that the host goes on meanwhile. Kernels that find
 * zeros in their uniforms have nothing to do.
 *
 * @param pause Awaited after each pipeline, for other work of this thread.
 * @returns What the GPU had to object. It is no failure of the device: who needs
 * such a pipeline will hear of it.
 */
export async function compileEarly(
  device: Device,
  uses: Iterable<PipelineUse>,
  pause: () => Promise<void>,
): Promise<string[]> {
  using stand = new StandIns(device);
  const objections: Promise<GPUError | null>[] = [];
  for (const use of uses) {
    device.gpu.pushErrorScope("validation");
    dispatchOnce(device, use, stand);
    objections.push(device.gpu.popErrorScope());
    await pause();
  }
  const errors = await Promise.all(objections);
  return errors.flatMap((error) => error === null ? [] : [error.message]);
}

function dispatchOnce(device: Device, use: PipelineUse, stand: StandIns): void {
  const { gpu } = device;
  const pipeline = device.pipelines.get(use);
  const bindings = gpu.createBindGroup({
    label: use.kernel.name,
    layout: pipeline.getBindGroupLayout(0),
    entries: use.bindings.map((kind, binding) => ({
      binding,
      resource: stand.of(kind, binding),
    })),
  });
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindings);
  pass.dispatchWorkgroups(1);
  pass.end();
  gpu.queue.submit([encoder.finish()]);
}

/** What is bound: each binding has its own, since one may be read and another written. */
class StandIns {
  readonly #device: Device;
  readonly #resources = new Map<string, GPUBufferBinding | GPUTextureView>();
  readonly #owned: { destroy(): void }[] = [];

  constructor(device: Device) {
    this.#device = device;
  }

  of(kind: BindingKind, binding: number): GPUBufferBinding | GPUTextureView {
    const key = `${kind} ${binding}`;
    let resource = this.#resources.get(key);
    if (resource === undefined) {
      resource = kind === "buffer" ? this.#buffer() : this.#texture(kind);
      this.#resources.set(key, resource);
    }
    return resource;
  }

  /** Commands that use them may still be queued: the GPU keeps them as long. */
  [Symbol.dispose](): void {
    for (const resource of this.#owned) resource.destroy();
  }

  #buffer(): GPUBufferBinding {
    const buffer = this.#device.buffer(
      BUFFER_BYTES,
      GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM,
    );
    this.#owned.push(buffer);
    return { buffer };
  }

  #texture(format: GPUTextureFormat): GPUTextureView {
    const texture = this.#device.gpu.createTexture({
      size: [TEXTURE_SIZE, TEXTURE_SIZE],
      format,
      usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.TEXTURE_BINDING,
    });
    this.#owned.push(texture);
    return texture.createView();
  }
}
