import { SignetError } from "../env/mod.ts";
import { dryGpu } from "./dry_gpu.ts";
import {
  AdapterUnavailableError,
  DeviceLimitError,
  DeviceLostError,
  OutOfMemoryError,
} from "./errors.ts";
import { Pipelines } from "./kernel.ts";
import { identityOf } from "./adapter_identity.ts";
import { describeUse, DeviceMemory } from "./memory.ts";
import { Program } from "./program.ts";
import { Readback } from "./readback.ts";
import {
  bytesOf,
  elements,
  type ElementType,
  type Tensor,
  tensorBytes,
} from "./tensor.ts";

/**
 * How kernels are written for an adapter: `register` tiles for CPU adapters,
 * whose workgroup memory is no faster than any other, `tiled` for GPUs.
 */
export type KernelForm = "register" | "tiled";

/** Options of {@linkcode Device.open}. */
export interface DeviceOptions {
  /** Default: `register` on a CPU adapter, else `tiled`. */
  form?: KernelForm;
}

/** What a device tells of its adapter. */
export interface AdapterFacts {
  /** The adapter's own name, such as `llvmpipe (LLVM 15.0.6, 256 bits)`. */
  name: string;
  vendor: number;
  device: number;
  /** A CPU adapter. */
  cpu: boolean;
}

const WANTED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxStorageBuffersPerShaderStage",
  "maxStorageTexturesPerShaderStage",
  "maxTextureDimension2D",
] as const;

/** Limits that kernels and buffers depend on. */
export type DeviceLimits = Record<typeof WANTED_LIMITS[number], number>;

/** What drivers of discrete GPUs report. */
const COMMON_LIMITS: DeviceLimits = {
  maxBufferSize: 2 ** 31,
  maxStorageBufferBindingSize: 2 ** 31 - 4,
  maxComputeWorkgroupStorageSize: 32768,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxStorageBuffersPerShaderStage: 8,
  maxStorageTexturesPerShaderStage: 8,
  maxTextureDimension2D: 16384,
};

const WANTED_FEATURES: GPUFeatureName[] = ["timestamp-query", "shader-f16"];

/** One GPU: buffers, compiled kernels and the queue. */
export class Device {
  readonly gpu: GPUDevice;
  readonly adapter: AdapterFacts;
  readonly pipelines: Pipelines;
  readonly form: KernelForm;
  readonly hasTimestamps: boolean;
  /** Kernels may store f16, see {@linkcode RealType}. */
  readonly hasF16: boolean;
  /** What WebGPU tells of the adapter and its driver: the same for the same two. */
  readonly identity: string;
  /** Nothing runs: programs recorded on it are only counted. */
  readonly dry: boolean;
  /** Bytes of the buffers and textures that are alive, and their peak. */
  readonly memory = new DeviceMemory();
  #failure: Error | undefined;

  private constructor(
    gpu: GPUDevice,
    adapter: AdapterFacts,
    { form, identity, dry = false }: {
      form: KernelForm;
      identity: string;
      dry?: boolean;
    },
  ) {
    this.identity = identity;
    this.dry = dry;
    this.gpu = gpu;
    this.adapter = adapter;
    this.form = form;
    this.pipelines = new Pipelines(gpu);
    this.hasTimestamps = gpu.features.has("timestamp-query");
    this.hasF16 = gpu.features.has("shader-f16");
    gpu.addEventListener("uncapturederror", (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      this.#failure ??= error instanceof GPUOutOfMemoryError
        ? new OutOfMemoryError(
          `Cannot allocate on ${adapter.name}: it is out of memory after ${
            describeUse(this.memory.bytes, this.memory.use)
          }`,
        )
        : new SignetError(
          `Cannot run on ${adapter.name}: ${error.message.trim()}`,
        );
    });
    gpu.lost.then((info) => {
      if (info.reason === "destroyed") return;
      this.#failure ??= new DeviceLostError(
        `Lost the GPU ${adapter.name}: ${info.message}`,
        { hint: "start again with --resume auto; see `deno task doctor`" },
      );
    });
  }

  /**
   * Opens the high-performance Vulkan adapter, with the limits that kernels use.
   *
   * @throws {AdapterUnavailableError} If there is none.
   */
  static async open(options: DeviceOptions = {}): Promise<Device> {
    const adapter = await navigator.gpu?.requestAdapter({
      powerPreference: "high-performance",
    });
    if (!adapter) {
      throw new AdapterUnavailableError("Cannot find a Vulkan adapter", {
        hint:
          "sh cluster/run.sh doctor installs a CPU adapter and says what is missing; plain deno run does not see an unpacked one, run.sh and `deno task` do",
      });
    }
    const requiredLimits: Record<string, number> = {};
    for (const name of WANTED_LIMITS) {
      requiredLimits[name] = adapter.limits[name];
    }
    const requiredFeatures = WANTED_FEATURES.filter((name) =>
      adapter.features.has(name)
    );
    const gpu = await adapter.requestDevice({
      requiredLimits,
      requiredFeatures,
    });
    const { description, device, vendor } = adapter.info;
    const name = description || device || vendor;
    // Fallback adapters and Mesa's llvmpipe (vendor 0x10005) compute on the CPU.
    const cpu = adapter.info.isFallbackAdapter === true || vendor === "65541" ||
      /llvmpipe|swiftshader/i.test(name);
    const facts = { name, vendor: Number(vendor), device: Number(device), cpu };
    return new Device(gpu, facts, {
      form: options.form ?? (cpu ? "register" : "tiled"),
      identity: identityOf(adapter),
    });
  }

  /** A device that only counts; limits that are not given are those of a common GPU. */
  static dry(options: {
    adapter: AdapterFacts;
    form: KernelForm;
    limits?: Partial<DeviceLimits>;
    features?: Iterable<string>;
  }): Device {
    const { adapter, form, features = WANTED_FEATURES } = options;
    const limits = { ...COMMON_LIMITS, ...options.limits };
    return new Device(dryGpu({ limits, features }), adapter, {
      form,
      identity: "dry",
      dry: true,
    });
  }

  /** A device that only counts and is otherwise as this one, but for the limits given. */
  rehearsal(changes: Partial<DeviceLimits> = {}): Device {
    const { adapter, form } = this;
    const features = [...this.gpu.features];
    const limits: Partial<DeviceLimits> = {};
    for (const name of WANTED_LIMITS) limits[name] = this.limits[name];
    return Device.dry({
      adapter,
      form,
      limits: { ...limits, ...changes },
      features,
    });
  }

  get limits(): GPUSupportedLimits {
    return this.gpu.limits;
  }

  /** Throws the first error that the GPU reported. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * A buffer that {@linkcode Device.memory} counts.
   *
   * @param label By which errors of the GPU call it.
   * @throws {DeviceLimitError} If the adapter cannot hold a buffer of this size.
   */
  buffer(bytes: number, usage: number, label = ""): GPUBuffer {
    if (bytes > this.limits.maxBufferSize) {
      throw new DeviceLimitError(
        `Cannot allocate ${bytes} bytes on ${this.adapter.name}: its largest buffer is ${this.limits.maxBufferSize}`,
      );
    }
    return this.memory.track(
      this.gpu.createBuffer({ size: bytes, usage, label }),
      bytes,
    );
  }

  /**
   * A tensor with the given values, or zeros.
   *
   * @param type Default: f32, or u32 for integers.
   * @throws {RangeError} If the values do not fill the shape.
   */
  tensor(
    shape: readonly number[],
    data?: Float32Array | Uint32Array | Int32Array,
    type: ElementType = data === undefined || data instanceof Float32Array
      ? "f32"
      : "u32",
  ): Tensor {
    const length = elements(shape);
    if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
      throw new RangeError(
        `Cannot make a tensor [${shape}]: sizes are whole numbers from 0 on`,
      );
    }
    if (data !== undefined && data.length !== length) {
      throw new RangeError(
        `Cannot fill a tensor [${shape}] from ${data.length} values`,
      );
    }
    const buffer = this.buffer(
      // Whole texels, see Dispatch.textures.
      bytesOf(Math.max(1, Math.ceil(length / 4)) * 4, type),
      GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM |
        GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      `tensor [${shape}]`,
    );
    const tensor = { buffer, offset: 0, shape, length, type };
    if (data !== undefined) this.write(tensor, data);
    return tensor;
  }

  /**
   * Queues new values for the tensor, from element `start` on; f16 is rounded here.
   *
   * @throws {RangeError} If they do not fit, or of f16 are no pairs.
   * @throws {TypeError} If reals are for integers, or integers for reals.
   */
  write(
    tensor: Tensor,
    data: Float32Array | Uint32Array | Int32Array,
    start = 0,
  ): void {
    if (start + data.length > tensor.length) {
      throw new RangeError(
        `Cannot write ${data.length} values at ${start} of a tensor [${tensor.shape}]`,
      );
    }
    if (data instanceof Float32Array !== isReal(tensor)) {
      throw new TypeError(
        `Cannot write a ${data.constructor.name} to a tensor [${tensor.shape}] of type ${tensor.type}`,
      );
    }
    // Deno 2.9.6 panics on an empty array.
    if (data.length === 0) return;
    // The queue writes whole words.
    const end = start + data.length;
    if (
      tensor.type === "f16" &&
      (start % 2 !== 0 || (end % 2 !== 0 && end < tensor.length))
    ) {
      throw new RangeError(
        `Cannot write ${data.length} values at ${start} of a tensor [${tensor.shape}] of type f16: they go in pairs`,
      );
    }
    this.gpu.queue.writeBuffer(
      tensor.buffer,
      tensor.offset + bytesOf(start, tensor.type),
      (tensor.type === "f16" ? toF16(data) : data) as Float32Array<ArrayBuffer>,
    );
  }

  /** Records and runs once; for tests and one-off work. */
  run(record: (program: Program) => void): void {
    const program = new Program(this);
    record(program);
    program.submit();
  }

  /**
   * Reads a tensor of real numbers, waiting for the queue.
   *
   * @throws {TypeError} If it holds integers.
   */
  async read(tensor: Tensor): Promise<Float32Array<ArrayBuffer>> {
    if (!isReal(tensor)) {
      throw new TypeError(
        `Cannot read a tensor [${tensor.shape}] of integers as reals: see Device.readU32`,
      );
    }
    const bytes = await this.#bytes(tensor);
    return tensor.type === "f16"
      ? Float32Array.from(new Float16Array(bytes).subarray(0, tensor.length))
      : new Float32Array(bytes);
  }

  /** As {@linkcode Device.read}, for unsigned integers. */
  async readU32(tensor: Tensor): Promise<Uint32Array<ArrayBuffer>> {
    if (isReal(tensor)) {
      throw new TypeError(
        `Cannot read a tensor [${tensor.shape}] of reals as integers: see Device.read`,
      );
    }
    return new Uint32Array(await this.#bytes(tensor));
  }

  async #bytes(tensor: Tensor): Promise<ArrayBuffer> {
    if (tensor.length === 0) return new ArrayBuffer(0);
    this.check();
    const staging = this.memory.as(
      "staging",
      () =>
        this.buffer(
          tensorBytes(tensor),
          GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
        ),
    );
    const encoder = this.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(
      tensor.buffer,
      tensor.offset,
      staging,
      0,
      tensorBytes(tensor),
    );
    this.gpu.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const bytes = staging.getMappedRange().slice(0);
    staging.destroy();
    this.check();
    return bytes;
  }

  /** Whether {@linkcode Readback.read} returns what was written, tried once. */
  async checkReadback(): Promise<boolean> {
    const values = new Uint32Array([0x5eed, 0xf00d, 7, 1]);
    const source = this.tensor([4], values);
    using readback = await new Readback(this, 16).prepare();
    const program = new Program(this);
    program.copy(source, readback);
    program.submit();
    const found = new Uint32Array(4);
    try {
      readback.read(new Uint8Array(found.buffer));
    } catch {
      return false;
    } finally {
      source.buffer.destroy();
    }
    return found.every((value, i) => value === values[i]);
  }

  /** Closes the device; its tensors and programs are no longer of use. */
  [Symbol.dispose](): void {
    this.#failure ??= new Error(
      `Cannot use ${this.adapter.name}: the device is closed`,
    );
    this.gpu.destroy();
  }
}

function isReal({ type }: Tensor): boolean {
  return type !== "u32";
}

/** In whole words, as the queue writes them. */
function toF16(data: ArrayLike<number>): Float16Array<ArrayBuffer> {
  const rounded = new Float16Array(Math.ceil(data.length / 2) * 2);
  rounded.set(data);
  return rounded;
}
