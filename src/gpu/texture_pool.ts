import type { Device } from "./device.ts";
import { DeviceLimitError } from "./errors.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Texels in a row of a tensor's `rgba32float` or `rgba16float` texture: elements 4 i .. 4 i + 3
 * are at (i % 1024, i / 1024). The last texel may hold up to three more elements.
 */
export const TEXTURE_WIDTH = 1024;

/** A texture that holds the elements of a tensor while a dispatch reads them. */
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
  readonly texels: number;
  readonly texelBytes: number;
}

/** Textures of a program, reused from dispatch to dispatch. */
export class TexturePool {
  readonly #device: Device;
  readonly #textures: TensorTexture[] = [];

  constructor(device: Device) {
    this.#device = device;
  }

  /** Bytes of all textures. */
  get bytes(): number {
    return this.#textures.reduce(
      (sum, { texture }) =>
        sum + texture.width * texture.height * texelBytes(texture.format),
      0,
    );
  }

  /** A texture that the tensor fits in and that is not among the taken ones. */
  take(tensor: Tensor, taken: Iterable<TensorTexture>): TensorTexture {
    // Odd: Mesa compiles a kernel again where a size becomes a power of two.
    const rows = Math.max(3, Math.ceil(tensor.length / 4 / TEXTURE_WIDTH) | 1);
    const limit = this.#device.limits.maxTextureDimension2D;
    if (rows > limit) {
      throw new DeviceLimitError(
        `Cannot put a tensor [${tensor.shape}] into a texture of ${rows} rows: at most ${limit}`,
      );
    }
    const format = tensor.type === "f16" ? "rgba16float" : "rgba32float";
    const busy = new Set(taken);
    let best: TensorTexture | undefined;
    for (const candidate of this.#textures) {
      const { height } = candidate.texture;
      if (candidate.texture.format !== format) continue;
      if (height < rows || busy.has(candidate)) continue;
      if (best === undefined || height < best.texture.height) best = candidate;
    }
    return best ?? this.#create(rows, format);
  }

  #create(rows: number, format: GPUTextureFormat): TensorTexture {
    const { gpu, memory } = this.#device;
    const texture = memory.as(
      "textures",
      () =>
        memory.track(
          gpu.createTexture({
            size: [TEXTURE_WIDTH, rows],
            format,
            usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
          }),
          TEXTURE_WIDTH * rows * texelBytes(format),
        ),
    );
    const created = { texture, view: texture.createView() };
    this.#textures.push(created);
    return created;
  }

  [Symbol.dispose](): void {
    for (const { texture } of this.#textures) texture.destroy();
    this.#textures.length = 0;
  }
}

function texelBytes(format: GPUTextureFormat): number {
  return format === "rgba16float" ? 8 : 16;
}

/** Copies full rows, then the texels of the last row. */
export function encodeTextureCopy(
  encoder: GPUCommandEncoder,
  { from, fromOffset, to, texels, texelBytes }: TextureCopy,
): void {
  const rows = Math.floor(texels / TEXTURE_WIDTH);
  const rest = texels % TEXTURE_WIDTH;
  const bytesPerRow = TEXTURE_WIDTH * texelBytes;
  if (rows > 0) {
    encoder.copyBufferToTexture(
      { buffer: from, offset: fromOffset, bytesPerRow },
      { texture: to },
      [TEXTURE_WIDTH, rows],
    );
  }
  if (rest > 0) {
    encoder.copyBufferToTexture(
      { buffer: from, offset: fromOffset + rows * bytesPerRow, bytesPerRow },
      { texture: to, origin: [0, rows] },
      [rest, 1],
    );
  }
}
