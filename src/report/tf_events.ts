/** A value that TensorBoard draws over the steps. */
export interface Scalar {
  /** Seconds since 1970. */
  time: number;
  step: number;
  tag: string;
  value: number;
}

/** Of the file format; TensorBoard refuses files without it. */
const VERSION = "brain.Event:2";

/**
 * The bytes of an events file: records of
 * `length u64 · mask(crc32c(length)) u32 · event · mask(crc32c(event)) u32`,
 * little-endian, each event a protocol buffer `Event` with one `Summary` value.
 */
export function encodeEvents(
  scalars: readonly Scalar[],
): Uint8Array<ArrayBuffer> {
  const first = scalars[0]?.time ?? 0;
  const events = [
    concat([double(1, first), bytes(3, utf8(VERSION))]),
    ...scalars.map(({ time, step, tag, value }) =>
      concat([
        double(1, time),
        varint(2, step),
        bytes(5, bytes(1, concat([bytes(1, utf8(tag)), float(2, value)]))),
      ])
    ),
  ];
  return concat(events.map(record));
}

function record(event: Uint8Array): Uint8Array {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(event.length), true);
  return concat([length, word(masked(length)), event, word(masked(event))]);
}

/** Checksums are rotated and shifted, since they lie in data that has checksums. */
function masked(data: Uint8Array): number {
  const crc = crc32c(data);
  return ((crc >>> 15 | crc << 17) + 0xa282ead8) >>> 0;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) {
    crc = crc & 1 ? crc >>> 1 ^ 0x82f63b78 : crc >>> 1;
  }
  return crc;
});

/** Castagnoli's polynomial, which `node:zlib` does not have. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = TABLE[(crc ^ byte) & 0xff]! ^ crc >>> 8;
  return (crc ^ 0xffffffff) >>> 0;
}

function word(value: number): Uint8Array {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setUint32(0, value, true);
  return data;
}

function double(field: number, value: number): Uint8Array {
  const data = new Uint8Array(9);
  data[0] = field << 3 | 1;
  new DataView(data.buffer).setFloat64(1, value, true);
  return data;
}

function float(field: number, value: number): Uint8Array {
  const data = new Uint8Array(5);
  data[0] = field << 3 | 5;
  new DataView(data.buffer).setFloat32(1, value, true);
  return data;
}

function varint(field: number, value: number): Uint8Array {
  return Uint8Array.from([field << 3, ...digits(value)]);
}

function bytes(field: number, data: Uint8Array): Uint8Array {
  return concat([
    Uint8Array.from([field << 3 | 2, ...digits(data.length)]),
    data,
  ]);
}

/** Seven bits a byte, the lowest first; the highest bit says that more follow. */
function digits(value: number): number[] {
  const found: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) {
    found.push(rest % 128 | 128);
  }
  return [...found, rest];
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
