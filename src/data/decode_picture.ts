import { checkJpegEnd } from "./jpeg.ts";
import { orientationOf, turnUpright } from "./orientation.ts";
import { type Picture, toPlanar } from "./picture.ts";
import { PictureError } from "./picture_error.ts";
import { type PictureHeader, readPictureHeader } from "./picture_header.ts";
import { decodePng } from "./png.ts";
import { readPng } from "./png_chunks.ts";

/** Larger pictures are refused from their header, before anything is allocated. */
export const MAX_PICTURE_PIXELS = 50_000_000;
/** Larger files are refused before they are read. */
export const MAX_PICTURE_BYTES = 128 * 1024 * 1024;

/** Type and size of a picture file, refused when nobody could want to decode it. */
export function checkPictureHeader(bytes: Uint8Array): PictureHeader {
  const header = readPictureHeader(bytes);
  const { width, height } = header;
  if (width === 0 || height === 0) {
    throw new PictureError(`picture is ${width}x${height}`);
  }
  if (width * height > MAX_PICTURE_PIXELS) {
    throw new PictureError(
      `header claims ${width}x${height} pixels, the limit is ${MAX_PICTURE_PIXELS}`,
    );
  }
  return header;
}

/**
 * Pixels of a 24 or 32-bit or gray BMP, rows bottom up, blue first, as
 * `[height, width, 3]`; alpha is blended on white.
 */
function readBitmap(
  bytes: Uint8Array,
  { width, height }: { width: number; height: number },
): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = view.getUint32(10, true);
  const unit = view.getUint16(28, true) / 8;
  const rowBytes = Math.ceil(width * unit / 4) * 4;
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    let from = start + (height - 1 - y) * rowBytes;
    for (let x = 0; x < width; x++, from += unit) {
      const to = (y * width + x) * 3;
      const alpha = unit === 4 ? bytes[from + 3]! : 255;
      for (let k = 0; k < 3; k++) {
        // A gray bitmap's palette is the identity.
        const value = bytes[from + (unit === 1 ? 0 : 2 - k)]!;
        pixels[to + k] = alpha === 255
          ? value
          : Math.round(255 + (value - 255) * alpha / 255);
      }
    }
  }
  return pixels;
}

/**
 * Decodes with the runtime's own decoder, which handles CMYK, progressive files
 * and EXIF orientation. It hands out pixels only inside a picture file; BMP is
 * the one without a second compression.
 */
async function decodeBuiltIn(
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Picture> {
  try {
    const bitmap = await createImageBitmap(new Blob([bytes]), {
      colorSpaceConversion: "none",
    });
    const { width, height } = bitmap;
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("bitmaprenderer")?.transferFromImageBitmap(bitmap);
    const blob = await canvas.convertToBlob({ type: "image/bmp" });
    const pixels = readBitmap(new Uint8Array(await blob.arrayBuffer()), {
      width,
      height,
    });
    return toPlanar(pixels, { width, height, channels: 3 });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new PictureError(text.split("\n")[0]!);
  }
}

/**
 * Decodes a picture file to three channels. Throws `PictureError` with the reason
 * when the file is damaged, cut, too large or of another type.
 */
export async function decodePicture(
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Picture> {
  const { type, width, height } = checkPictureHeader(bytes);
  if (type === "png") {
    const parts = readPng(bytes);
    const picture = { width, height, channels: 3 };
    return turnUpright(
      toPlanar(decodePng(parts), picture),
      orientationOf(parts.exif),
    );
  }
  if (type === "jpeg") checkJpegEnd(bytes);
  return await decodeBuiltIn(bytes);
}
