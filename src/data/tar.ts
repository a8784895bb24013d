import type { ByteReader } from "./byte_reader.ts";

/** An archive that is refused; `message` is the reason without the file's name. */
export class ArchiveError extends Error {
  override name = "ArchiveError";
}

const BLOCK = 512;
/** Long names are kept in entries of their own; longer ones are an attack. */
const MAX_NAME_BYTES = 4096;

export interface TarLimits {
  /** Bytes of the whole unpacked archive. */
  maxBytes: number;
  maxEntries: number;
  /** Bytes of one wanted entry. */
  maxEntryBytes: number;
}

interface TarEntry {
  name: string;
  size: number;
  /** "0" file, "5" folder, "L" long name, "x" and "g" extended headers. */
  type: string;
}

function readText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Octal digits, or base 256 when the first bit is set. */
function readNumber(bytes: Uint8Array): number {
  if (bytes[0]! & 0x80) {
    return bytes.subarray(1).reduce(
      (sum, byte) => sum * 256 + byte,
      bytes[0]! & 0x7f,
    );
  }
  const text = readText(bytes).trim();
  return /^[0-7]+$/.test(text) ? parseInt(text, 8) : text === "" ? 0 : NaN;
}

function readEntry(block: Uint8Array): TarEntry {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) {
    sum += i >= 148 && i < 156 ? 32 : block[i]!;
  }
  if (sum !== readNumber(block.subarray(148, 156))) {
    throw new ArchiveError("a header has a wrong checksum");
  }
  const prefix = readText(block.subarray(257, 262)) === "ustar" &&
      block[262] === 0
    ? readText(block.subarray(345, 500))
    : "";
  const name = readText(block.subarray(0, 100));
  return {
    name: prefix ? `${prefix}/${name}` : name,
    size: readNumber(block.subarray(124, 136)),
    type: String.fromCharCode(block[156] || 0x30),
  };
}

/** The `path` record of an extended header: lines of `length key=value`. */
function readExtendedName(body: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(body);
  if (/^\d+ (size|linkpath|GNU\.sparse[^=]*)=/m.test(text)) {
    throw new ArchiveError("an extended header changes a size or a link");
  }
  return /^\d+ path=(.*)$/m.exec(text)?.[1];
}

function checkName(name: string): void {
  const parts = name.replace(/\/$/, "").split("/");
  if (
    name.startsWith("/") || /[\\\0]/.test(name) || /^[A-Za-z]:/.test(name) ||
    parts.includes("..") || name === ""
  ) {
    throw new ArchiveError(
      `the name of entry ${JSON.stringify(name)} leads out of the archive`,
    );
  }
}

/** Reads an entry's bytes and the padding after them. */
async function readBody(
  reader: ByteReader,
  { name, size }: TarEntry,
): Promise<Uint8Array<ArrayBuffer>> {
  const body = await reader.take(size);
  const padding = (BLOCK - size % BLOCK) % BLOCK;
  if (body.length < size || await reader.skip(padding) < padding) {
    throw new ArchiveError(
      `it ends inside ${name}, after ${body.length} of ${size} bytes`,
    );
  }
  return body;
}

async function skipBody(
  reader: ByteReader,
  { name, size }: TarEntry,
): Promise<void> {
  const whole = Math.ceil(size / BLOCK) * BLOCK;
  const skipped = await reader.skip(whole);
  if (skipped < whole) {
    throw new ArchiveError(
      `it ends inside ${name}, after ${skipped} of ${size} bytes`,
    );
  }
}

/**
 * Reads the wanted files of a tar archive into memory, by their names inside it.
 * Nothing is written to disk. The whole archive is refused with an `ArchiveError`
 * when an entry is a link, a device, a duplicate, or named out of the archive, or
 * when a limit is passed.
 */
export async function readTar(
  reader: ByteReader,
  { wanted, maxBytes, maxEntries, maxEntryBytes }: TarLimits & {
    wanted: (name: string) => boolean;
  },
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const seen = new Set<string>();
  let longName: string | undefined;
  for (let entries = 0;; entries++) {
    const block = await reader.take(BLOCK);
    if (block.length < BLOCK) {
      throw new ArchiveError(
        `it ends after ${reader.position} unpacked bytes, without an end mark`,
      );
    }
    if (block.every((byte) => byte === 0)) break;
    if (entries >= maxEntries) {
      throw new ArchiveError(`it has more than ${maxEntries} entries`);
    }
    const header = readEntry(block);
    const entry = { ...header, name: longName ?? header.name };
    if (!(entry.size >= 0 && reader.position + entry.size <= maxBytes)) {
      throw new ArchiveError(
        `entry ${JSON.stringify(entry.name)} claims ${entry.size} bytes, ` +
          `the limit is ${maxBytes} for the whole archive`,
      );
    }
    if (entry.type === "L" || entry.type === "x" || entry.type === "g") {
      if (entry.size > MAX_NAME_BYTES) {
        throw new ArchiveError(`a name is longer than ${MAX_NAME_BYTES} bytes`);
      }
      const body = await readBody(reader, entry);
      if (entry.type === "L") longName = readText(body);
      if (entry.type === "x") longName = readExtendedName(body) ?? longName;
      continue;
    }
    longName = undefined;
    checkName(entry.name);
    if (entry.type !== "0" && entry.type !== "5") {
      throw new ArchiveError(
        `entry ${
          JSON.stringify(entry.name)
        } is a link or a device (type ${entry.type})`,
      );
    }
    const name = entry.name.replace(/^(\.\/)+/, "").replace(/\/$/, "");
    if (seen.has(name)) {
      throw new ArchiveError(`entry ${JSON.stringify(name)} occurs twice`);
    }
    seen.add(name);
    if (entry.type === "5" || !wanted(name)) {
      await skipBody(reader, entry);
      continue;
    }
    if (entry.size > maxEntryBytes) {
      throw new ArchiveError(
        `entry ${
          JSON.stringify(name)
        } has ${entry.size} bytes, the limit is ${maxEntryBytes}`,
      );
    }
    files.set(name, await readBody(reader, entry));
  }
  // Reading to the end lets the decompressor check its own checksum.
  const rest = maxBytes - reader.position;
  if (await reader.skip(rest + 1) > rest) {
    throw new ArchiveError(`it unpacks to more than ${maxBytes} bytes`);
  }
  return files;
}
