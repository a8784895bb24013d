/** What a device without hardware claims to be. */
export interface DryGpuOptions {
  limits: Readonly<Record<string, number>>;
  features: Iterable<string>;
}

/**
 * A `GPUDevice` that makes nothing and runs nothing. A program recorded on it
 * allocates what it would allocate on hardware, so its bytes can be counted
 * before, or without, an adapter. Reading returns zeros.
 */
export function dryGpu({ limits, features }: DryGpuOptions): GPUDevice {
  const queue = {
    submit() {},
    writeBuffer() {},
    onSubmittedWorkDone: () => Promise.resolve(),
  };
  const gpu = {
    limits,
    features: new Set(features),
    queue,
    // Never lost.
    lost: new Promise(() => {}),
    addEventListener() {},
    destroy() {},
    createBuffer: ({ size, usage }: GPUBufferDescriptor) => ({
      size,
      usage,
      destroy() {},
      mapAsync: () => Promise.resolve(),
      getMappedRange: (_offset = 0, length = size) => new ArrayBuffer(length),
      unmap() {},
    }),
    createTexture({ size, format }: GPUTextureDescriptor) {
      const [width = 1, height = 1] = size as number[];
      return { width, height, format, createView: () => ({}), destroy() {} };
    },
    createShaderModule: () => ({}),
    createComputePipeline: () => ({ getBindGroupLayout: () => ({}) }),
    createBindGroup: () => ({}),
    createQuerySet: ({ count }: GPUQuerySetDescriptor) => ({
      count,
      destroy() {},
    }),
    createCommandEncoder: () => ({
      beginComputePass: () => ({
        setPipeline() {},
        setBindGroup() {},
        dispatchWorkgroups() {},
        end() {},
      }),
      copyBufferToBuffer() {},
      copyBufferToTexture() {},
      resolveQuerySet() {},
      finish: () => ({}),
    }),
  };
  return gpu as unknown as GPUDevice;
}
