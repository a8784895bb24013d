import type { Device } from "./device.ts";
import { DeviceLimitError } from "./errors.ts";
import { type Tensor, tensorBytes } from "./tensor.ts";
import { textureFormat, type TextureLayout } from "./texture_layout.ts";

/** A texture that holds the elements of a tensor while dispatches read them. */
export interface TensorTexture {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
}

/** The copy of a tensor's first texels to a texture. */
export interface TextureCopy {
  readonly kind: "texture";
  readonly from: GPUBuffer;
  readonly fromOffset: number;
  readonly to: GPUTexture;
  /** Texels in a full row. */
  readonly width: number;
  readonly texels: number;
  readonly texelBytes: number;
}

interface Entry extends TensorTexture {
  /** Textures of one key serve each other's tensors. */
  readonly key: string;
  /** The tensor whose elements it has, as long as nothing writes to them. */
  holds: Tensor | undefined;
  layout: TextureLayout;
  /** Larger for the one that was taken later. */
  used: number;
}

/**
 * Textures of a program. A copy is made once and read by all dispatches until
 * the tensor is written or the texture is needed for another tensor.
 */
export class TexturePool {
  readonly #device: Device;
  readonly #entries: Entry[] = [];
  #uses = 0;

  constructor(device: Device) {
    this.#device = device;
  }

  /** Bytes of all textures. */
  get bytes(): number {
    return this.#entries.reduce(
      (sum, { texture }) =>
        sum + texture.width * texture.height * texelBytes(texture.format),
      0,
    );
  }

  /** The texture that has the tensor's elements in this layout. */
  find(tensor: Tensor, layout: TextureLayout): TensorTexture | undefined {
    const entry = this.#entries.find(({ holds, layout: its }) =>
      holds !== undefined && holds.buffer === tensor.buffer &&
      holds.offset === tensor.offset && holds.length === tensor.length &&
      holds.type === tensor.type && its.width === layout.width &&
      its.texels === layout.texels && its.exact === layout.exact &&
      its.quads === layout.quads
    );
    if (entry !== undefined) entry.used = ++this.#uses;
    return entry;
  }

  /** A texture that the tensor is about to be copied to, none of the taken ones. */
  take(
    tensor: Tensor,
    layout: TextureLayout,
    taken: Iterable<TensorTexture>,
  ): TensorTexture {
    // Mesa compiles a kernel again where a size becomes a power of two.
    const height = Math.max(3, layout.height | 1);
    const width = layout.exact && Number.isInteger(Math.log2(layout.width))
      ? Math.max(3, layout.width + 1)
      : layout.width;
    const limit = this.#device.limits.maxTextureDimension2D;
    if (height > limit || width > limit) {
      throw new DeviceLimitError(
        `Cannot put a tensor [${tensor.shape}] into a texture of ${width} x ${height}: at most ${limit} each`,
      );
    }
    const format = textureFormat(tensor);
    const key = layout.exact
      ? `${format} ${width} ${height} ${layout.texels}`
      : format;
    const busy = new Set(taken);
    let best: Entry | undefined;
    for (const candidate of this.#entries) {
      if (candidate.key !== key || candidate.texture.height < height) continue;
      if (busy.has(candidate)) continue;
      if (best === undefined || before(candidate, best)) best = candidate;
    }
    best ??= this.#create({ key, width, height, format, layout });
    best.holds = tensor;
    best.layout = layout;
    best.used = ++this.#uses;
    return best;
  }

  /** What was copied of these elements is no longer theirs. */
  written(tensor: Tensor): void {
    for (const entry of this.#entries) {
      const { holds } = entry;
      if (holds === undefined || holds.buffer !== tensor.buffer) continue;
      if (
        holds.offset < tensor.offset + tensorBytes(tensor) &&
        tensor.offset < holds.offset + tensorBytes(holds)
      ) entry.holds = undefined;
    }
  }

  /** Nothing that was copied is known to be current. */
  forget(): void {
    for (const entry of this.#entries) entry.holds = undefined;
  }

  #create({ key, width, height, format, layout }: {
    key: string;
    width: number;
    height: number;
    format: GPUTextureFormat;
    layout: TextureLayout;
  }): Entry {
    const { gpu, memory } = this.#device;
    const texture = memory.as(
      "textures",
      () =>
        memory.track(
          gpu.createTexture({
            size: [width, height],
            format,
            usage: GPUTextureUsage.STORAGE_BINDING |
              GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
          }),
          width * height * texelBytes(format),
        ),
    );
    const view = texture.createView();
    const entry = { key, texture, view, holds: undefined, layout, used: 0 };
    this.#entries.push(entry);
    return entry;
  }

  [Symbol.dispose](): void {
    for (const { texture } of this.#entries) texture.destroy();
    this.#entries.length = 0;
  }
}

/** The lower texture first, then the one whose copy was read longest ago. */
function before(a: Entry, b: Entry): boolean {
  const difference = a.texture.height - b.texture.height;
  return difference < 0 || (difference === 0 && a.used < b.used);
}

function texelBytes(format: GPUTextureFormat): number {
  return format === "rgba16float" ? 8 : 16;
}

/** Copies full rows, then the texels of the last row. */
export function encodeTextureCopy(
  encoder: GPUCommandEncoder,
  { from, fromOffset, to, width, texels, texelBytes }: TextureCopy,
): void {
  const rows = Math.floor(texels / width);
  const rest = texels % width;
  const bytesPerRow = width * texelBytes;
  if (rows > 0) {
    encoder.copyBufferToTexture(
      { buffer: from, offset: fromOffset, bytesPerRow },
      { texture: to },
      [width, rows],
    );
  }
  if (rest > 0) {
    encoder.copyBufferToTexture(
      { buffer: from, offset: fromOffset + rows * bytesPerRow },
      { texture: to, origin: [0, rows] },
      [rest, 1],
    );
  }
}
