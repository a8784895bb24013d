import { PictureError } from "./picture_error.ts";
import {
  type PngParts,
  pngPasses,
  pngRowBytes,
  SAMPLES,
} from "./png_chunks.ts";

/** Of three neighbours the one nearest to `left + up - corner`. */
function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const byLeft = Math.abs(guess - left);
  const byUp = Math.abs(guess - up);
  const byCorner = Math.abs(guess - corner);
  if (byLeft <= byUp && byLeft <= byCorner) return left;
  return byUp <= byCorner ? up : corner;
}

/**
 * Undoes a row's filter in place. `before` is the row above, already undone (zeros
 * above the first); `unit` is the bytes of a pixel, at least 1.
 */
function unfilter(
  row: Uint8Array,
  before: Uint8Array,
  { filter, unit }: { filter: number; unit: number },
): void {
  const length = row.length;
  switch (filter) {
    case 0:
      return;
    case 1:
      for (let i = unit; i < length; i++) row[i]! += row[i - unit]!;
      return;
    case 2:
      for (let i = 0; i < length; i++) row[i]! += before[i]!;
      return;
    case 3:
      for (let i = 0; i < length; i++) {
        const left = i >= unit ? row[i - unit]! : 0;
        row[i]! += (left + before[i]!) >> 1;
      }
      return;
    case 4:
      for (let i = 0; i < length; i++) {
        const left = i >= unit ? row[i - unit]! : 0;
        const corner = i >= unit ? before[i - unit]! : 0;
        row[i]! += paeth(left, before[i]!, corner);
      }
      return;
    default:
      throw new PictureError(`PNG row filter ${filter} does not exist`);
  }
}

/** Sample `index` of a row at its own depth. */
function sampleAt(row: Uint8Array, index: number, depth: number): number {
  if (depth === 8) return row[index]!;
  if (depth === 16) return row[2 * index]! << 8 | row[2 * index + 1]!;
  const bit = index * depth;
  return (row[bit >> 3]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

/** Blends a byte on white, the ground under every transparent picture. */
function onWhite(value: number, alpha: number): number {
  return Math.round(255 + (value - 255) * alpha / 255);
}

/** Writes pixel `index` of `row` as red, green, blue at `target[at..at + 2]`. */
type PixelWriter = (
  row: Uint8Array,
  index: number,
  target: Uint8Array,
  at: number,
) => void;

function paletteWriter(
  { depth, palette, transparency }: PngParts,
): PixelWriter {
  const colours = Math.floor(palette.length / 3);
  const table = palette.map((value, i) =>
    onWhite(value, transparency[Math.floor(i / 3)] ?? 255)
  );
  return (row, index, target, at) => {
    const entry = sampleAt(row, index, depth);
    if (entry >= colours) {
      throw new PictureError(
        `PNG palette has ${colours} colours, a pixel asks for number ${entry}`,
      );
    }
    for (let k = 0; k < 3; k++) target[at + k] = table[entry * 3 + k]!;
  };
}

function directWriter({ depth, colour, transparency }: PngParts): PixelWriter {
  const samples = SAMPLES[colour];
  const hasAlpha = colour === 4 || colour === 6;
  const colours = hasAlpha ? samples - 1 : samples;
  const top = 2 ** depth - 1;
  // One colour may be declared transparent, at the picture's own depth.
  const key = !hasAlpha && transparency.length >= 2 * colours
    ? Array.from(
      { length: colours },
      (_, k) => transparency[2 * k]! << 8 | transparency[2 * k + 1]!,
    )
    : undefined;
  return (row, index, target, at) => {
    const first = index * samples;
    const alpha = hasAlpha
      ? Math.round(sampleAt(row, first + colours, depth) * 255 / top)
      : key?.every((value, k) => sampleAt(row, first + k, depth) === value)
      ? 0
      : 255;
    for (let k = 0; k < 3; k++) {
      const sample = sampleAt(row, first + (colours === 3 ? k : 0), depth);
      const value = depth === 8 ? sample : Math.round(sample * 255 / top);
      target[at + k] = alpha === 255 ? value : onWhite(value, alpha);
    }
  };
}

/**
 * Decodes the rows of a PNG picture to `[height, width, 3]` bytes: gray becomes
 * three equal channels, 16 bits are scaled to 8, transparency is blended on white.
 */
export function decodePng(parts: PngParts): Uint8Array {
  const { width, height, depth, colour, rows } = parts;
  const unit = Math.max(1, depth * SAMPLES[colour] / 8);
  const write = colour === 3 ? paletteWriter(parts) : directWriter(parts);
  const pixels = new Uint8Array(width * height * 3);
  let at = 0;
  for (const pass of pngPasses(parts)) {
    const rowBytes = pngRowBytes(pass.width, parts);
    let before: Uint8Array = new Uint8Array(rowBytes);
    for (let j = 0; j < pass.height; j++) {
      const row = rows.subarray(at + 1, at + 1 + rowBytes);
      unfilter(row, before, { filter: rows[at]!, unit });
      const line = (pass.y0 + j * pass.dy) * width + pass.x0;
      for (let i = 0; i < pass.width; i++) {
        write(row, i, pixels, (line + i * pass.dx) * 3);
      }
      before = row;
      at += 1 + rowBytes;
    }
  }
  return pixels;
}
