import { gifSize } from "./gif.ts";
import { jpegSize } from "./jpeg.ts";
import { PictureError } from "./picture_error.ts";

export type PictureType = "png" | "jpeg" | "gif" | "bmp" | "webp";

/** What the first bytes of a picture file say. */
export interface PictureHeader {
  type: PictureType;
  width: number;
  height: number;
}

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[at + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

function readWebp(bytes: Uint8Array, view: DataView): PictureHeader {
  if (bytes.length >= 30) {
    if (startsWith(bytes, 12, "VP8X")) {
      return {
        type: "webp",
        width: (view.getUint32(23, true) >>> 8) + 1,
        height: (view.getUint32(26, true) >>> 8) + 1,
      };
    }
    if (startsWith(bytes, 12, "VP8L")) {
      const packed = view.getUint32(21, true);
      return {
        type: "webp",
        width: (packed & 0x3fff) + 1,
        height: ((packed >>> 14) & 0x3fff) + 1,
      };
    }
    if (startsWith(bytes, 12, "VP8 ")) {
      return {
        type: "webp",
        width: view.getUint16(26, true) & 0x3fff,
        height: view.getUint16(28, true) & 0x3fff,
      };
    }
  }
  throw new PictureError("WebP file ends before its header");
}

/**
 * Type and size from the first bytes, whatever the file is called. Nothing is
 * decoded and nothing of the claimed size is allocated.
 */
export function readPictureHeader(bytes: Uint8Array): PictureHeader {
  if (bytes.length === 0) throw new PictureError("file is empty");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const need = (length: number, type: string) => {
    if (bytes.length < length) {
      throw new PictureError(
        `${type} file of ${bytes.length} bytes ends before its header`,
      );
    }
  };
  if (startsWith(bytes, 0, "\x89PNG\r\n\x1a\n")) {
    need(33, "PNG");
    if (!startsWith(bytes, 12, "IHDR")) {
      throw new PictureError("PNG file does not start with IHDR");
    }
    return {
      type: "png",
      width: view.getUint32(16),
      height: view.getUint32(20),
    };
  }
  if (bytes[0] === 0xff && bytes[1] === 0xd8) {
    return { type: "jpeg", ...jpegSize(bytes) };
  }
  if (startsWith(bytes, 0, "GIF8")) {
    need(13, "GIF");
    return { type: "gif", ...gifSize(bytes) };
  }
  if (startsWith(bytes, 0, "BM")) {
    need(26, "BMP");
    // The header of OS/2, 12 bytes, holds its sides in words.
    if (view.getUint32(14, true) === 12) {
      return {
        type: "bmp",
        width: view.getUint16(18, true),
        height: view.getUint16(20, true),
      };
    }
    return {
      type: "bmp",
      width: Math.abs(view.getInt32(18, true)),
      height: Math.abs(view.getInt32(22, true)),
    };
  }
  if (startsWith(bytes, 0, "RIFF") && startsWith(bytes, 8, "WEBP")) {
    return readWebp(bytes, view);
  }
  throw new PictureError("file is no PNG, JPEG, GIF, BMP or WebP picture");
}
