import type { ImageSet } from "./image_set.ts";
import { fitPicture } from "./image_size.ts";
import type { Picture, Size } from "./picture.ts";
import { PictureError } from "./picture_error.ts";
import type { SourcePart } from "./source.ts";

/** A file that could not be read, with the reason. */
export interface SkippedImage {
  path: string;
  reason: string;
}

/** Options of {@linkcode readBatches}. */
export interface ReadOptions {
  /** Size that all images are brought to. */
  size: Size;
  /** Images that pad to the size are padded, not enlarged. */
  fixed: boolean;
  channels: number;
  /** Most images of a batch. */
  rows: number;
  signal?: AbortSignal | undefined;
}

/** The picture of an image, or why there is none. */
export async function tryRead(
  part: SourcePart,
  index: number,
): Promise<Picture | SkippedImage> {
  try {
    return await part.read(index);
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    return { path: part.nameOf(index), reason: error.message };
  }
}

/**
 * The images of a part in order, a batch at a time, as training sees them; those
 * that cannot be read are left out and added to `skipped`.
 */
export async function* readBatches(
  part: SourcePart,
  options: ReadOptions,
  skipped: SkippedImage[],
): AsyncGenerator<ImageSet> {
  const { size, fixed, channels, rows, signal } = options;
  const { width, height } = size;
  const bytes = channels * width * height;
  for (let next = 0; next < part.labels.length;) {
    const pixels = new Uint8Array(rows * bytes);
    const taken: number[] = [];
    for (; next < part.labels.length && taken.length < rows; next++) {
      signal?.throwIfAborted();
      const picture = await tryRead(part, next);
      if ("reason" in picture) {
        skipped.push(picture);
        continue;
      }
      const fitted = fitPicture(picture, { size, fixed });
      pixels.set(toChannels(fitted, channels), taken.length * bytes);
      taken.push(next);
    }
    if (taken.length === 0) return;
    yield {
      pixels: pixels.subarray(0, taken.length * bytes),
      labels: Int32Array.from(taken, (index) => part.labels[index]!),
      count: taken.length,
      channels,
      width,
      height,
      nameOf: (index) => part.nameOf(taken[index]!),
    };
  }
}

/** Weights of red, green and blue in the brightness that a gray model sees (BT.601). */
const LUMA = [0.299, 0.587, 0.114] as const;

/** The pixels with 1 or 3 channels, whatever the picture has. */
export function toChannels(picture: Picture, channels: number): Uint8Array {
  const { pixels } = picture;
  if (picture.channels === channels) return pixels;
  const size = picture.width * picture.height;
  if (channels === 1) {
    return Uint8Array.from(
      { length: size },
      (_, i) =>
        Math.round(
          LUMA[0] * pixels[i]! + LUMA[1] * pixels[size + i]! +
            LUMA[2] * pixels[2 * size + i]!,
        ),
    );
  }
  const result = new Uint8Array(channels * size);
  for (let c = 0; c < channels; c++) result.set(pixels, c * size);
  return result;
}
