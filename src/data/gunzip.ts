import { ConfigError, type Disk } from "../env/mod.ts";
import { ByteReader } from "./byte_reader.ts";
import { ArchiveError } from "./tar.ts";

/** What a file looks like that is not the archive it should be. */
function describeStart(bytes: Uint8Array): string {
  const text = new TextDecoder("latin1").decode(bytes);
  return /^[\x20-\x7e\s]+$/.test(text)
    ? `the text ${JSON.stringify(text)}`
    : `the bytes ${
      Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join(" ")
    }`;
}

/**
 * Hands `use` a reader over the unpacked bytes of a gzip file and turns every
 * failure of the stream into a `ConfigError` that names the file.
 */
export async function withGunzip<T>(
  disk: Disk,
  path: string,
  use: (reader: ByteReader) => Promise<T>,
): Promise<T> {
  const start = await disk.readRange(path, 0, 16);
  if (start[0] !== 0x1f || start[1] !== 0x8b) {
    const size = (await disk.stat(path))?.size ?? 0;
    throw new ConfigError(
      `Cannot read ${path}: it is no gzip file, ${size} bytes that start with ${
        describeStart(start)
      }`,
      { hint: "Download the file again" },
    );
  }
  const stream = await disk.stream(path);
  const reader = new ByteReader(
    stream.pipeThrough(new DecompressionStream("gzip")),
  );
  try {
    return await use(reader);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if (error instanceof ArchiveError) {
      throw new ConfigError(`Cannot read ${path}: ${error.message}`, {
        hint: "Download the file again, from a source you trust",
      });
    }
    const size = (await disk.stat(path))?.size ?? 0;
    throw new ConfigError(
      `Cannot unpack ${path}: ${size} bytes are damaged or cut off after ${reader.position} unpacked bytes`,
      { hint: "Download the file again", cause: error },
    );
  } finally {
    await reader.cancel();
  }
}
