import type { Device, Tensor } from "../gpu/mod.ts";

/** Images of one size as bytes; a data set's images are of this form. */
export interface StoredImages {
  /** `[count, channels, height, width]`, 0..255. */
  readonly pixels: Uint8Array;
  readonly count: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Consecutive images in one buffer. */
export interface ImageShard {
  /** Bytes packed in words, each image from a whole word on. */
  readonly pixels: Tensor;
  /** Index of the first image. */
  readonly first: number;
  readonly count: number;
}

/** Most bytes written to the GPU in one call. */
const UPLOAD_BYTES = 1 << 24;

/**
 * All images of a set on the GPU as bytes, split where the adapter cannot bind
 * them at once. Gray images keep their single channel.
 */
export class ImageStore {
  readonly count: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly shards: readonly ImageShard[];
  /** Words that one image takes. */
  readonly stride: number;

  private constructor(
    device: Device,
    images: StoredImages,
    shardBytes: number,
  ) {
    const { count, channels, height, width, pixels } = images;
    this.count = count;
    this.channels = channels;
    this.height = height;
    this.width = width;
    const size = channels * height * width;
    this.stride = Math.ceil(size / 4);
    const perShard = Math.floor(shardBytes / (4 * this.stride));
    if (perShard < 1) {
      throw new RangeError(
        `Cannot store images of ${size} bytes: the adapter binds at most ${shardBytes}`,
      );
    }
    const shards: ImageShard[] = [];
    for (let first = 0; first < count; first += perShard) {
      const inShard = Math.min(perShard, count - first);
      const words = device.tensor([inShard, this.stride], undefined, "u32");
      upload(
        device,
        words,
        pixels.subarray(first * size, (first + inShard) * size),
        size,
      );
      shards.push({ pixels: words, first, count: inShard });
    }
    this.shards = shards;
  }

  /**
   * Uploads a set.
   *
   * @param options.shardBytes Most bytes in one buffer; by default what the
   * adapter can bind.
   */
  static create(
    device: Device,
    images: StoredImages,
    options: { shardBytes?: number } = {},
  ): ImageStore {
    const { count, channels, height, width, pixels } = images;
    if (pixels.length !== count * channels * height * width) {
      throw new RangeError(
        `Cannot store ${pixels.length} bytes as ${count} images of [${channels}, ${height}, ${width}]`,
      );
    }
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    const shardBytes = options.shardBytes ??
      Math.min(maxStorageBufferBindingSize, maxBufferSize);
    return device.memory.as(
      "images",
      () => new ImageStore(device, images, shardBytes),
    );
  }

  /** Bytes of all buffers. */
  get bytes(): number {
    return 4 * this.count * this.stride;
  }

  /**
   * Replaces the first images.
   *
   * @param pixels Whole images, at most as many as the store holds.
   */
  write(device: Device, pixels: Uint8Array): void {
    const size = this.channels * this.height * this.width;
    if (pixels.length % size > 0 || pixels.length > this.count * size) {
      throw new RangeError(
        `Cannot write ${pixels.length} bytes into ${this.count} images of ${size}`,
      );
    }
    for (const { pixels: words, first, count } of this.shards) {
      const own = pixels.subarray(first * size, (first + count) * size);
      if (own.length > 0) upload(device, words, own, size);
    }
  }

  dispose(): void {
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const { pixels } of this.shards) pixels.buffer.destroy();
  }
}

/** Writes images of `size` bytes each at the next whole word. */
function upload(
  device: Device,
  words: Tensor,
  pixels: Uint8Array,
  size: number,
): void {
  if (device.dry) return;
  const stride = Math.ceil(size / 4) * 4;
  const perCall = Math.max(1, Math.floor(UPLOAD_BYTES / stride));
  const count = pixels.length / size;
  for (let first = 0; first < count; first += perCall) {
    const images = Math.min(perCall, count - first);
    const packed = new Uint8Array(images * stride);
    for (let i = 0; i < images; i++) {
      const from = (first + i) * size;
      packed.set(pixels.subarray(from, from + size), i * stride);
    }
    device.write(words, new Uint32Array(packed.buffer), first * stride / 4);
  }
}
