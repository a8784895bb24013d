import { PictureError } from "./picture_error.ts";

const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;

/** The marker segments in front of the first scan, and that scan's own. */
function* segments(
  bytes: Uint8Array,
): Generator<{ marker: number; at: number }> {
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === END_OF_IMAGE) return;
    yield { marker, at };
    if (marker === START_OF_SCAN) return;
    at += 2 + Math.max(2, bytes[at + 2]! << 8 | bytes[at + 3]!);
  }
}

/** Frame headers are FFC0..FFCF without DHT (C4), JPG (C8) and DAC (CC). */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 &&
    marker !== 0xc8 && marker !== 0xcc;
}

/** Size from the frame header. */
export function jpegSize(bytes: Uint8Array): { width: number; height: number } {
  for (const { marker, at } of segments(bytes)) {
    if (isFrame(marker) && at + 9 <= bytes.length) {
      return {
        height: bytes[at + 5]! << 8 | bytes[at + 6]!,
        width: bytes[at + 7]! << 8 | bytes[at + 8]!,
      };
    }
  }
  throw new PictureError("JPEG file ends before its frame header");
}

/**
 * Refuses a cut file: a decoder may fill up what is missing with gray in silence.
 * Only an end marker behind the first scan counts, not that of a thumbnail.
 */
export function checkJpegEnd(bytes: Uint8Array): void {
  let scan = bytes.length;
  for (const { marker, at } of segments(bytes)) {
    if (marker === START_OF_SCAN) scan = at;
  }
  for (let at = bytes.length - 2; at > scan; at--) {
    if (bytes[at] === 0xff && bytes[at + 1] === END_OF_IMAGE) return;
  }
  throw new PictureError("JPEG file ends before its end marker");
}
