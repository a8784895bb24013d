import { crc32, inflateSync } from "node:zlib";
import { PictureError } from "./picture_error.ts";

/** A PNG file taken apart: header fields, unpacked rows still filtered, palette. */
export interface PngParts {
  width: number;
  height: number;
  /** Bits of a sample: 1, 2, 4, 8 or 16. */
  depth: number;
  colour: PngColour;
  interlaced: boolean;
  /** Rows of all passes, each with its filter byte in front. */
  rows: Uint8Array;
  /** RGB triples. */
  palette: Uint8Array;
  /** The tRNS chunk: alpha of palette entries, or one transparent colour. */
  transparency: Uint8Array;
  /** The eXIf chunk. */
  exif: Uint8Array;
}

export type PngColour = 0 | 2 | 3 | 4 | 6;

/** A pass of the picture: pixels `(x0 + i dx, y0 + j dy)`. */
export interface PngPass {
  x0: number;
  y0: number;
  dx: number;
  dy: number;
  width: number;
  height: number;
}

/** Samples of a pixel by colour type. */
export const SAMPLES: Readonly<Record<PngColour, number>> = {
  0: 1,
  2: 3,
  3: 1,
  4: 2,
  6: 4,
};

const DEPTHS: Readonly<Record<PngColour, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

/** Deflate expands a byte to at most 1032 bytes; more is a false claim. */
const MAX_INFLATE_RATIO = 1032;

const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** The passes that hold at least one pixel. */
export function pngPasses(
  { width, height, interlaced }: Pick<
    PngParts,
    "width" | "height" | "interlaced"
  >,
): PngPass[] {
  if (!interlaced) return [{ x0: 0, y0: 0, dx: 1, dy: 1, width, height }];
  return ADAM7.map(([x0, y0, dx, dy]) => ({
    x0,
    y0,
    dx,
    dy,
    width: Math.ceil((width - x0) / dx),
    height: Math.ceil((height - y0) / dy),
  })).filter((pass) => pass.width > 0 && pass.height > 0);
}

/** Bytes of a row without its filter byte. */
export function pngRowBytes(
  width: number,
  { depth, colour }: Pick<PngParts, "depth" | "colour">,
): number {
  return Math.ceil(width * depth * SAMPLES[colour] / 8);
}

function readHeader(data: DataView): Omit<
  PngParts,
  "rows" | "palette" | "transparency" | "exif"
> {
  const depth = data.getUint8(8);
  const type = data.getUint8(9);
  const known = Object.hasOwn(DEPTHS, type);
  const colour = type as PngColour;
  if (!known || !DEPTHS[colour].includes(depth)) {
    throw new PictureError(
      `PNG colour type ${type} with ${depth} bits does not exist`,
    );
  }
  const interlace = data.getUint8(12);
  if (data.getUint8(10) !== 0 || data.getUint8(11) !== 0 || interlace > 1) {
    throw new PictureError("PNG compression, filter or interlace is unknown");
  }
  return {
    width: data.getUint32(0),
    height: data.getUint32(4),
    depth,
    colour,
    interlaced: interlace === 1,
  };
}

function inflate(parts: readonly Uint8Array[], size: number): Uint8Array {
  const packed = parts.reduce((sum, part) => sum + part.length, 0);
  if (size > packed * MAX_INFLATE_RATIO) {
    throw new PictureError(
      `PNG data is ${packed} bytes, too few for the ${size} that its header claims`,
    );
  }
  let rows: Uint8Array;
  try {
    rows = inflateSync(parts.length === 1 ? parts[0]! : join(parts, packed), {
      maxOutputLength: size,
    });
  } catch (error) {
    throw new PictureError(`PNG data does not unpack: ${messageOf(error)}`);
  }
  if (rows.length !== size) {
    throw new PictureError(
      `PNG data unpacks to ${rows.length} bytes, expected ${size}`,
    );
  }
  return rows;
}

function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Checks every chunk of a PNG file and unpacks its rows. */
export function readPng(bytes: Uint8Array): PngParts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data: Uint8Array[] = [];
  let header: ReturnType<typeof readHeader> | undefined;
  let palette = new Uint8Array();
  let transparency = new Uint8Array();
  let exif = new Uint8Array();
  for (let at = 8;;) {
    if (at + 12 > bytes.length) {
      throw new PictureError("PNG file ends before its end chunk");
    }
    const length = view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (length > bytes.length - at - 12) {
      throw new PictureError(`PNG file ends inside its ${name} chunk`);
    }
    const body = bytes.subarray(at + 8, at + 8 + length);
    const sum = view.getUint32(at + 8 + length);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== sum) {
      throw new PictureError(`PNG chunk ${name} has a wrong checksum`);
    }
    if (name === "IHDR" && length === 13) {
      header = readHeader(new DataView(view.buffer, body.byteOffset, 13));
    } else if (name === "PLTE") palette = body.slice();
    else if (name === "tRNS") transparency = body.slice();
    else if (name === "eXIf") exif = body.slice();
    else if (name === "IDAT") data.push(body);
    else if (name === "IEND") break;
    at += 12 + length;
  }
  if (!header) throw new PictureError("PNG file has no valid header chunk");
  let size = 0;
  for (const pass of pngPasses(header)) {
    size += pass.height * (1 + pngRowBytes(pass.width, header));
  }
  return { ...header, palette, transparency, exif, rows: inflate(data, size) };
}
