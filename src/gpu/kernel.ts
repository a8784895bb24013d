import type { RealType } from "./tensor.ts";

/** One WGSL module with an entry point `main`, compiled on first use. */
export interface Kernel {
  readonly name: string;
  readonly code: string;
  /** Bindings of the buffers that it writes. */
  readonly writes: ReadonlySet<number>;
}

const WRITTEN = /@binding\((\d+)\)\s*var<storage,\s*read_write>/g;

/**
 * A kernel from WGSL text. `common` holds the text of files of
 * `src/ops/common/` that the kernel needs, put before it.
 *
 * @param name Of one kernel only: pipelines are found by it.
 *
 * @example
 * ```ts
 * import { defineKernel, Device } from "@signet/signet";
 * import { deepStrictEqual } from "node:assert";
 *
 * const kernel = defineKernel(
 *   "double",
 *   `@group(0) @binding(0) var<uniform> count: u32;
 *   @group(0) @binding(1) var<storage, read> input: array<f32>;
 *   @group(0) @binding(2) var<storage, read_write> output: array<f32>;
 *
 *   @compute @workgroup_size(64)
 *   fn main(@builtin(global_invocation_id) id: vec3u) {
 *     if (id.x < count) {
 *       output[id.x] = 2.0 * input[id.x];
 *     }
 *   }`,
 * );
 * using device = await Device.open();
 * const input = device.tensor([3], Float32Array.of(1, 2, 3));
 * const output = device.tensor([3]);
 * device.run((program) =>
 *   program.dispatch(kernel, {
 *     uniforms: { u32: [input.length] },
 *     buffers: [input, output],
 *     workgroups: Math.ceil(input.length / 64),
 *   })
 * );
 * deepStrictEqual([...await device.read(output)], [2, 4, 6]);
 * ```
 */
export function defineKernel(
  name: string,
  wgsl: string,
  common: readonly string[] = [],
): Kernel {
  const code = [...common, wgsl].join("\n");
  const writes = code.matchAll(WRITTEN).map((match) => Number(match[1]));
  return { name, code, writes: new Set(writes) };
}

const REALS: Record<RealType, string> = {
  f32: `alias Real = f32;
alias Real4 = vec4<f32>;
alias RealTexels = texture_storage_2d<rgba32float, read>;`,
  f16: `enable f16;
alias Real = f16;
alias Real4 = vec4<f16>;
alias RealTexels = texture_storage_2d<rgba16float, read>;`,
};

/**
 * A kernel for activations of either type. It stores `Real` and `Real4` in its
 * buffers, reads textures as `RealTexels` and computes in f32: `f32(x[i])`,
 * `vec4f(x[i])` on the way in, `Real(value)`, `Real4(value)` on the way out.
 */
export function defineRealKernel(
  name: string,
  wgsl: string,
  common: readonly string[] = [],
): Record<RealType, Kernel> {
  return {
    f32: defineKernel(name, wgsl, [REALS.f32, ...common]),
    f16: defineKernel(`${name}_f16`, wgsl, [REALS.f16, ...common]),
  };
}

/** Most bytes of a dispatch's uniforms, and what their offsets are multiples of. */
export const UNIFORM_SLOT = 256;

/** Values of `override` declarations. */
export type Constants = Readonly<Record<string, number>>;

/** A texture as drivers tell them apart when they compile. */
export interface TextureKind {
  readonly format: "rgba32float" | "rgba16float";
  /** As wide as `TEXTURE_WIDTH`. */
  readonly flat: boolean;
}

/** A kernel with its constants, and the first dispatch that uses them. */
export interface PipelineUse {
  readonly kernel: Kernel;
  readonly constants: Constants;
  /** Words at binding 0; left out, there are no uniforms. */
  readonly uniforms?: Uint32Array<ArrayBuffer> | undefined;
  /** Bound after the uniforms. */
  readonly textures: readonly TextureKind[];
  /** How many are bound after the textures. */
  readonly buffers: number;
}

/** Compiled pipelines by kernel and override constants. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #modules = new Map<Kernel, GPUShaderModule>();
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #uses: PipelineUse[] = [];
  readonly #names = new Map<string, Kernel>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** All pipelines, in the order of their first dispatches. */
  get uses(): readonly PipelineUse[] {
    return this.#uses;
  }

  get(use: PipelineUse): GPUComputePipeline {
    const { kernel, constants } = use;
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
    this.#uses.push(use);
    return pipeline;
  }
}
