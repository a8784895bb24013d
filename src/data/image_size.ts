import { ConfigError } from "../env/mod.ts";
import {
  padPicture,
  type Picture,
  resizePicture,
  type Size,
} from "./picture.ts";
import { PictureError } from "./picture_error.ts";
import type { Source } from "./source.ts";

/** Formats with a size of their own are padded to a multiple of it, 28 to 32. */
const PADDED_TO = 8;
/** Picture files of mixed sizes become squares with sides of a multiple of it. */
const MIXED_TO = 16;
const MAX_MIXED_SIDE = 224;
const MAX_SIDE = 2048;

function padded(side: number): number {
  return Math.ceil(side / PADDED_TO) * PADDED_TO;
}

/**
 * Size that all images are kept in. `imageSize` 0 leaves the choice to the source.
 * Square images of a fixed size that models see enlarged stay as they are, since
 * their views are enlarged when they are made.
 */
export async function chooseSize(
  source: Source,
  { imageSize, storeSize = 0 }: { imageSize: number; storeSize?: number },
): Promise<Size> {
  if (!Number.isInteger(imageSize) || imageSize < 0 || imageSize > MAX_SIDE) {
    throw new ConfigError(
      `Cannot use data.imageSize: ${imageSize} is not a whole number from 0 to ${MAX_SIDE}`,
    );
  }
  if (storeSize > 0) return { width: storeSize, height: storeSize };
  if (source.size && imageSize > 0) {
    const { width, height } = source.size;
    if (width === height && imageSize > padded(width)) return source.size;
  }
  if (imageSize > 0) return { width: imageSize, height: imageSize };
  if (source.size) {
    const side = padded(Math.max(source.size.width, source.size.height));
    return { width: side, height: side };
  }
  return await chooseMixedSize(source);
}

/**
 * The common size of the training pictures, or else a square whose side is the
 * median of their shorter sides, to the nearest multiple of 16.
 */
async function chooseMixedSize(source: Source): Promise<Size> {
  const sizes: Size[] = [];
  for (let i = 0; i < source.train.labels.length; i++) {
    try {
      const size = await source.sizeOf?.(source.train, i);
      if (size) sizes.push(size);
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
    }
  }
  const first = sizes[0];
  const square = { width: MIXED_TO, height: MIXED_TO };
  if (!first) return square;
  const same = sizes.every(({ width, height }) =>
    width === first.width && height === first.height
  );
  if (same && first.width === first.height && first.width <= MAX_MIXED_SIDE) {
    return { width: first.width, height: first.height };
  }
  const sides = sizes.map(({ width, height }) => Math.min(width, height))
    .sort((a, b) => a - b);
  const median = sides[sides.length >> 1]!;
  const side = Math.ceil(median / MIXED_TO - 0.5) * MIXED_TO;
  const bounded = Math.min(MAX_MIXED_SIDE, Math.max(MIXED_TO, side));
  return { width: bounded, height: bounded };
}

/** Brings a picture to the set's size: padded when the format has a fixed size that pads to it. */
export function fitPicture(
  picture: Picture,
  { size, fixed }: { size: Size; fixed: boolean },
): Picture {
  const side = padded(Math.max(picture.width, picture.height));
  const pads = fixed && size.width === side && size.height === side;
  return pads ? padPicture(picture, size) : resizePicture(picture, size);
}
