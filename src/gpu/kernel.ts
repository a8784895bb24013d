/** One WGSL module with an entry point `main`, compiled on first use. */
export interface Kernel {
  readonly name: string;
  readonly code: string;
}

/**
 * A kernel from WGSL text. `common` holds the text of files of
 * `src/ops/common/` that the kernel needs, put before it.
 */
export function defineKernel(
  name: string,
  wgsl: string,
  common: readonly string[] = [],
): Kernel {
  return { name, code: [...common, wgsl].join("\n") };
}

/** Values of `override` declarations. */
export type Constants = Readonly<Record<string, number>>;

/** Compiled pipelines by kernel and override constants. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #modules = new Map<Kernel, GPUShaderModule>();
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #names = new Map<string, Kernel>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get(kernel: Kernel, constants: Constants = {}): GPUComputePipeline {
    const known = this.#names.get(kernel.name);
    if (known !== undefined && known !== kernel) {
      throw new Error(`Cannot use two kernels named ${kernel.name}`);
    }
    this.#names.set(kernel.name, kernel);
    const key = `${kernel.name} ${JSON.stringify(constants)}`;
    const ready = this.#pipelines.get(key);
    if (ready !== undefined) return ready;
    let module = this.#modules.get(kernel);
    if (module === undefined) {
      module = this.#device.createShaderModule({
        label: kernel.name,
        code: kernel.code,
      });
      this.#modules.set(kernel, module);
    }
    const pipeline = this.#device.createComputePipeline({
      label: key,
      layout: "auto",
      compute: { module, entryPoint: "main", constants },
    });
    this.#pipelines.set(key, pipeline);
    return pipeline;
  }
}
