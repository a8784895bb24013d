import type { Picture } from "./picture.ts";

/** Tag of the orientation, in the first directory of EXIF data. */
const ORIENTATION = 0x112;
const ENTRY_BYTES = 12;

/** How EXIF data, which is a TIFF file, says a picture is stored: 1 (upright) to 8. */
export function orientationOf(exif: Uint8Array): number {
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  if (exif.length < 8) return 1;
  const little = view.getUint16(0) === 0x4949;
  const start = view.getUint32(4, little);
  if (start + 2 > exif.length) return 1;
  const first = start + 2;
  const end = Math.min(
    first + ENTRY_BYTES * view.getUint16(start, little),
    exif.length,
  );
  for (let at = first; at + ENTRY_BYTES <= end; at += ENTRY_BYTES) {
    if (view.getUint16(at, little) !== ORIENTATION) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** Turns and mirrors a picture that is stored in an orientation of EXIF. */
export function turnUpright(picture: Picture, orientation: number): Picture {
  if (orientation === 1) return picture;
  const { width, height, channels, pixels } = picture;
  // Rows of the upright picture are columns of the stored one.
  const swapped = orientation >= 5;
  const mirrored = [2, 3, 7, 8].includes(orientation);
  const upsideDown = [3, 4, 6, 7].includes(orientation);
  const upright = new Uint8Array(pixels.length);
  let to = 0;
  for (let channel = 0; channel < channels; channel++) {
    const plane = pixels.subarray(channel * width * height);
    for (let y = 0; y < (swapped ? width : height); y++) {
      for (let x = 0; x < (swapped ? height : width); x++) {
        const [column, row] = swapped ? [y, x] : [x, y];
        const fromX = mirrored ? width - 1 - column : column;
        const fromY = upsideDown ? height - 1 - row : row;
        upright[to++] = plane[fromY * width + fromX]!;
      }
    }
  }
  return {
    width: swapped ? height : width,
    height: swapped ? width : height,
    channels,
    pixels: upright,
  };
}
