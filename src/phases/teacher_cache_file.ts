import { crc32 } from "node:zlib";

/**
 * One file of cached teacher outputs, little-endian:
 *
 * | bytes   | content                                      |
 * | ------- | -------------------------------------------- |
 * | 0..7    | `SGTEACH1`                                   |
 * | 8..39   | key: SHA-256 of all that the outputs depend on |
 * | 40..55  | u32: chunk, rows, floats a row, CRC-32 of the rows |
 * | 56..59  | u32: CRC-32 of bytes 0..55                   |
 * | 64..    | f32 rows                                     |
 */
export const HEADER_BYTES = 64;
const MAGIC = new TextEncoder().encode("SGTEACH1");
const HEADER_CRC_AT = 56;

/** What a chunk file is expected to hold. */
export interface ChunkPlace {
  /** SHA-256, 64 hexadecimal digits. */
  key: string;
  chunk: number;
  rows: number;
  /** Floats of a row. */
  width: number;
}

/** A cache file that is damaged or belongs to something else. */
export class CacheFileError extends Error {
  override name = "CacheFileError";
}

/** The bytes of a chunk file. */
export function encodeChunk(
  place: ChunkPlace,
  values: Float32Array,
): Uint8Array<ArrayBuffer> {
  const { key, chunk, rows, width } = place;
  if (values.length !== rows * width) {
    throw new RangeError(
      `Cannot store chunk ${chunk}: ${values.length} values for ${rows} rows of ${width}`,
    );
  }
  const payload = new Uint8Array(
    values.buffer,
    values.byteOffset,
    values.byteLength,
  );
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  bytes.set(MAGIC);
  bytes.set(Uint8Array.fromHex(key), 8);
  const view = new DataView(bytes.buffer);
  [chunk, rows, width, crc32(payload)].forEach((value, i) =>
    view.setUint32(40 + 4 * i, value, true)
  );
  view.setUint32(HEADER_CRC_AT, crc32(bytes.subarray(0, HEADER_CRC_AT)), true);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/**
 * The rows of a chunk file, in its own memory.
 *
 * @throws {CacheFileError} If it is not whole, or of another teacher or data set.
 */
export function decodeChunk(
  bytes: Uint8Array<ArrayBuffer>,
  place: ChunkPlace,
): Float32Array<ArrayBuffer> {
  const { key, chunk, rows, width } = place;
  const size = HEADER_BYTES + 4 * rows * width;
  if (bytes.length !== size) {
    throw new CacheFileError(`it has ${bytes.length} bytes instead of ${size}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new CacheFileError("it is no file of cached teacher outputs");
  }
  if (
    crc32(bytes.subarray(0, HEADER_CRC_AT)) !==
      view.getUint32(HEADER_CRC_AT, true)
  ) throw new CacheFileError("its header is damaged");
  if (bytes.subarray(8, 40).toHex() !== key) {
    throw new CacheFileError("it belongs to another teacher or data set");
  }
  [chunk, rows, width].forEach((value, i) => {
    const found = view.getUint32(40 + 4 * i, true);
    if (found === value) return;
    const name = ["chunk", "rows", "width"][i];
    throw new CacheFileError(`its ${name} is ${found} instead of ${value}`);
  });
  if (crc32(bytes.subarray(HEADER_BYTES)) !== view.getUint32(52, true)) {
    throw new CacheFileError("its rows are damaged");
  }
  const start = bytes.byteOffset + HEADER_BYTES;
  return new Float32Array(bytes.buffer, start, rows * width);
}

/** Most images of a file: few enough to share the work among ranks. */
const CHUNK_ROWS = 1024;

/** How rows are spread over files. */
export class Layout {
  readonly chunkRows: number;
  readonly chunks: number;

  constructor(
    readonly key: string,
    readonly images: number,
    readonly width: number,
    chunkBytes: number,
  ) {
    const most = Math.floor(chunkBytes / (4 * width));
    this.chunkRows = Math.max(1, Math.min(most, CHUNK_ROWS));
    this.chunks = Math.ceil(images / this.chunkRows);
  }

  get bytes(): number {
    return this.chunks * HEADER_BYTES + 4 * this.images * this.width;
  }

  rowsOf(chunk: number): number {
    return Math.min(this.chunkRows, this.images - chunk * this.chunkRows);
  }

  place(chunk: number): ChunkPlace {
    const { key, width } = this;
    return { key, chunk, rows: this.rowsOf(chunk), width };
  }
}
