import type { Device } from "./device.ts";
import { DeviceLimitError } from "./errors.ts";
import { boundBytes, type Dispatch, gridOf } from "./dispatch.ts";
import type { Kernel, TextureKind } from "./kernel.ts";
import type { Readback } from "./readback.ts";
import {
  bytesOf,
  type ElementType,
  type Tensor,
  tensorBytes,
} from "./tensor.ts";
import type { ScratchPlan } from "./scratch_plan.ts";
import { ScratchPool } from "./scratch_pool.ts";
import { Section } from "./commands.ts";
import { type Timing, type TimingLevel, Timings } from "./timings.ts";
import {
  flatLayout,
  type Matrix,
  type MatrixLayout,
  textureFormat,
  type TextureLayout,
} from "./texture_layout.ts";
import { padKernel } from "./texture_pad.ts";
import { packed, UniformSlots } from "./uniform_slots.ts";
import { type TensorTexture, TexturePool } from "./texture_pool.ts";

/** Sections between two exchange points; submitted as one command buffer. */
type Piece = Section[];

/**
 * A recorded list of GPU commands that is replayed every step.
 *
 * Layers record themselves once; bind groups, uniforms and scratch buffers are
 * made then, so replaying allocates nothing. {@linkcode Program.cut} ends a
 * piece: what follows is submitted apart, so that the host can read, exchange
 * and write between the two.
 */
export class Program {
  readonly device: Device;
  readonly #pieces: Piece[] = [[]];
  readonly #scratch: ScratchPool;
  readonly #textures: TexturePool;
  readonly #uniforms: UniformSlots;
  #timings: Timings | undefined;

  /** @param scratch Of an earlier recording that was the same, to the size of each tensor. */
  constructor(device: Device, scratch?: ScratchPlan) {
    this.device = device;
    this.#scratch = new ScratchPool(device, scratch);
    this.#textures = new TexturePool(device);
    this.#uniforms = new UniformSlots(device);
    this.section("main");
  }

  /** Bytes of all scratch buffers and textures. */
  get scratchBytes(): number {
    return this.#scratch.bytes + this.#textures.bytes;
  }

  /** Scratch buffers alone: their bytes, the least that lifetimes allow, and their sizes. */
  get scratchPool(): Pick<ScratchPool, "bytes" | "lowerBound" | "sizes"> {
    return this.#scratch;
  }

  /** Where scratch is best kept when the program is recorded once more. */
  get scratchPlan(): ScratchPlan {
    return this.#scratch.plan;
  }

  /** Number of pieces; one more than the cuts. */
  get pieces(): number {
    return this.#pieces.length;
  }

  /** Floating-point operations that its dispatches declare: of matrix products. */
  get flops(): number {
    return this.#pieces.flat()
      .flatMap(({ commands }) => commands)
      .reduce(
        (sum, command) =>
          sum + (command.kind === "dispatch" ? command.flops : 0),
        0,
      );
  }

  /** What follows is timed under this label. */
  section(label: string): void {
    this.#pieces.at(-1)!.push(new Section(label));
  }

  /**
   * Ends the piece and returns its index, for {@linkcode Program.submit}. The
   * next piece starts in a section of the same label.
   */
  cut(): number {
    const label = this.#section().label;
    this.#pieces.push([]);
    this.#textures.forget();
    this.section(label);
    return this.#pieces.length - 2;
  }

  /**
   * A buffer for intermediate values, from the pool when a released one fits.
   * Its content is undefined: kernels write every element they later read.
   */
  scratch(shape: readonly number[], type: ElementType = "f32"): Tensor {
    return this.#scratch.take(shape, type);
  }

  /** Keeps scratch buffers to the end of the program, released or not: another replay may fill them early. */
  pin(...tensors: readonly Tensor[]): void {
    for (const tensor of tensors) this.#scratch.pin(tensor);
  }

  /** Gives a scratch buffer back: commands recorded from here on may reuse it. */
  release(...tensors: readonly Tensor[]): void {
    for (const tensor of tensors) this.#scratch.release(tensor);
  }

  /** Records, then gives back every scratch buffer that was taken and not released. */
  scope<T>(record: () => T): T {
    return this.#scratch.scope(record);
  }

  /**
   * Records one run of a kernel.
   *
   * @throws {RangeError} If a tensor is empty, or a buffer both read and written.
   * @throws {DeviceLimitError} If a tensor or the grid is more than the adapter allows.
   */
  dispatch(kernel: Kernel, options: Dispatch): void {
    const matrices = (options.textures ?? []).map(asMatrix);
    const uniforms = options.uniforms && packed(options.uniforms);
    const pipeline = this.device.pipelines.get({
      kernel,
      constants: options.constants ?? {},
      uniforms,
      textures: matrices.map(kindOf),
      buffers: options.buffers.length,
    });
    const entries: GPUBindGroupEntry[] = [];
    if (uniforms !== undefined) {
      entries.push({ binding: 0, resource: this.#uniforms.take(uniforms) });
    }
    for (const resource of this.#textureViews(matrices)) {
      entries.push({ binding: entries.length, resource });
    }
    this.#checkAliases(kernel, options.buffers, entries.length);
    for (const tensor of options.buffers) {
      if (tensor.length === 0) {
        throw new RangeError(`Cannot bind an empty tensor to ${kernel.name}`);
      }
      const size = tensorBytes(tensor);
      if (size > this.device.limits.maxStorageBufferBindingSize) {
        throw new DeviceLimitError(
          `Cannot bind a tensor [${tensor.shape}] of ${size} bytes to ${kernel.name}: the adapter binds at most ${this.device.limits.maxStorageBufferBindingSize}`,
        );
      }
      if (kernel.writes.has(entries.length)) this.#textures.written(tensor);
      entries.push({
        binding: entries.length,
        resource: { buffer: tensor.buffer, offset: tensor.offset, size },
      });
    }
    const bindings = this.device.gpu.createBindGroup({
      label: kernel.name,
      layout: pipeline.getBindGroupLayout(0),
      entries,
    });
    const grid = gridOf(kernel, options.workgroups);
    if (grid.some((size) => size === 0)) return;
    this.#section().push({
      kind: "dispatch",
      pipeline,
      bindings,
      grid,
      label: options.label ?? kernel.name,
      flops: options.cost?.flops ?? 0,
      bytes: options.cost?.bytes ?? boundBytes(options),
    });
  }

  /**
   * Copies a tensor into another tensor, or into a readback, from a byte on.
   *
   * @throws {RangeError} If it does not fit.
   */
  copy(from: Tensor, to: Tensor | Readback, byteOffset = 0): void {
    const size = tensorBytes(from);
    if (size === 0) return;
    const room = "shape" in to ? tensorBytes(to) : to.buffer.size;
    if (byteOffset + size > room) {
      throw new RangeError(
        `Cannot copy a tensor [${from.shape}] of ${size} bytes to byte ${byteOffset} of ${room}`,
      );
    }
    if ("shape" in to) {
      this.#textures.written({ ...to, offset: to.offset + byteOffset });
    }
    this.#section().push({
      kind: "copy",
      from: from.buffer,
      fromOffset: from.offset,
      to: to.buffer,
      toOffset: ("offset" in to ? to.offset : 0) + byteOffset,
      size,
    });
  }

  /**
   * Submits one piece, or all of them. `last` may add commands that differ from
   * step to step.
   */
  submit(index?: number, last?: (encoder: GPUCommandEncoder) => void): void {
    this.device.check();
    const pieces = index === undefined
      ? this.#pieces
      : this.#pieces.slice(index, index + 1);
    const encoder = this.device.gpu.createCommandEncoder();
    for (const section of pieces.flat()) section.encode(encoder, this.#timings);
    last?.(encoder);
    this.device.gpu.queue.submit([encoder.finish()]);
  }

  /**
   * Records GPU time from now on, where the adapter can; returns the bytes of a
   * replay's timestamps, or 0. Call it when everything is recorded.
   */
  enableTimings(level: TimingLevel): number {
    if (!this.device.hasTimestamps) return 0;
    this.#timings?.[Symbol.dispose]();
    this.#timings = new Timings(this.device, this.#pieces, level);
    return this.#timings.bytes;
  }

  /** For `last` of the last piece: copies the timestamps of this replay. */
  copyTimings(encoder: GPUCommandEncoder, to: Readback, offset: number): void {
    this.#timings?.copy(encoder, to.buffer, offset);
  }

  /** Reads what {@linkcode Program.copyTimings} wrote. */
  parseTimings(bytes: Uint8Array): Timing[] {
    return this.#timings?.parse(bytes) ?? [];
  }

  [Symbol.dispose](): void {
    this.#uniforms[Symbol.dispose]();
    this.#textures[Symbol.dispose]();
    this.#timings?.[Symbol.dispose]();
    this.#scratch[Symbol.dispose]();
  }

  /** What is written must not be read too: WebGPU looks at whole buffers. */
  #checkAliases(
    { name, writes }: Kernel,
    buffers: readonly Tensor[],
    first: number,
  ): void {
    const isWritten = (i: number) => writes.has(first + i);
    buffers.forEach(({ buffer, shape }, i) => {
      if (!isWritten(i)) return;
      if (buffers.some((it, j) => it.buffer === buffer && !isWritten(j))) {
        throw new RangeError(
          `Cannot record ${name}: it would read and write the buffer of the tensor [${shape}]`,
        );
      }
    });
  }

  /** Records the copies of what no texture has yet, into none of the others. */
  #textureViews(
    matrices: readonly Placed[],
    others: Iterable<TensorTexture> = [],
  ): GPUTextureView[] {
    const taken = new Set(others);
    // Those that are there already, before a copy of another takes their place.
    for (const { tensor, layout } of matrices) {
      const found = this.#textures.find(tensor, layout);
      if (found !== undefined) taken.add(found);
    }
    return matrices.map(({ tensor, layout }) => {
      const found = this.#textures.find(tensor, layout);
      if (found !== undefined) return found.view;
      if ("padded" in layout && layout.padded) {
        const [flat] = this.#textureViews([asMatrix(tensor)], taken);
        const texture = this.#textures.take(tensor, layout, taken);
        taken.add(texture);
        this.#pad(
          { tensor, layout: layout as MatrixLayout },
          flat!,
          texture.view,
        );
        return texture.view;
      }
      const texture = this.#textures.take(tensor, layout, taken);
      taken.add(texture);
      this.#section().push({
        kind: "texture",
        from: tensor.buffer,
        fromOffset: tensor.offset,
        to: texture.texture,
        width: layout.width,
        texels: layout.texels,
        texelBytes: bytesOf(4, tensor.type),
      });
      return texture.view;
    });
  }

  #pad({ tensor, layout }: Matrix, from: GPUTextureView, to: GPUTextureView) {
    const kernel = padKernel(tensor.type);
    const { quads, shift, texels } = layout;
    const rows = texels / quads;
    const uniforms = packed({
      u32: [rows, tensor.length / rows, quads, shift],
    });
    const pipeline = this.device.pipelines.get({
      kernel,
      constants: {},
      uniforms,
      textures: [asMatrix(tensor), { tensor, layout }].map(kindOf),
      buffers: 0,
    });
    const bindings = this.device.gpu.createBindGroup({
      label: kernel.name,
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: this.#uniforms.take(uniforms) },
        { binding: 1, resource: from },
        { binding: 2, resource: to },
      ],
    });
    this.#section().push({
      kind: "dispatch",
      pipeline,
      bindings,
      grid: gridOf(kernel, rows),
      label: kernel.name,
      flops: 0,
      bytes: 2 * tensorBytes(tensor),
    });
  }

  #section(): Section {
    return this.#pieces.at(-1)!.at(-1)!;
  }
}

/** A tensor or matrix with its place in a texture. */
interface Placed {
  readonly tensor: Tensor;
  readonly layout: TextureLayout;
}

function asMatrix(source: Tensor | Matrix): Placed {
  return "tensor" in source
    ? source
    : { tensor: source, layout: flatLayout(source) };
}

function kindOf({ tensor, layout }: Placed): TextureKind {
  return { format: textureFormat(tensor), flat: !layout.exact };
}
