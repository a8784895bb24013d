import { crc32, deflateSync, gzipSync } from "node:zlib";

type Content = Uint8Array | string;

/** Runs `use` with a temporary folder that holds the given files. */
export async function withFiles<T>(
  files: Readonly<Record<string, Content>>,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "signet-data-" });
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = `${folder}/${name}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), {
        recursive: true,
      });
      await Deno.writeFile(path, toBytes(content));
    }
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

export function toBytes(content: Content): Uint8Array {
  return typeof content === "string"
    ? new TextEncoder().encode(content)
    : content;
}

export function gzip(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(gzipSync(bytes));
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export interface TarItem {
  name: string;
  data?: Content;
  /** Type flag; "0" is a file. */
  type?: string;
  /** Size in the header when it should lie. */
  size?: number;
  link?: string;
}

/** One tar entry with a valid checksum. */
export function tarEntry(
  { name, data = "", type = "0", size, link = "" }: TarItem,
): Uint8Array {
  const body = toBytes(data);
  const block = new Uint8Array(512);
  const put = (at: number, text: string) => block.set(toBytes(text), at);
  put(0, name);
  put(100, "0000644\0");
  put(124, (size ?? body.length).toString(8).padStart(11, "0") + "\0");
  put(148, "        ");
  put(156, type);
  put(157, link);
  put(257, "ustar\0" + "00");
  const sum = block.reduce((a, b) => a + b, 0);
  put(148, sum.toString(8).padStart(6, "0") + "\0 ");
  return join(block, body, new Uint8Array((512 - body.length % 512) % 512));
}

/** A whole tar archive with its end mark. */
export function tarOf(items: readonly TarItem[]): Uint8Array {
  return join(...items.map(tarEntry), new Uint8Array(1024));
}

/** An IDX file of unsigned bytes. */
export function idxFile(
  shape: readonly number[],
  data: Uint8Array,
): Uint8Array {
  const header = new Uint8Array(4 + 4 * shape.length);
  const view = new DataView(header.buffer);
  view.setUint32(0, 0x800 + shape.length);
  shape.forEach((length, k) => view.setUint32(4 + 4 * k, length));
  return join(header, data);
}

/** A PNG chunk with its checksum. */
export function pngChunk(name: string, body: Uint8Array): Uint8Array {
  const chunk = join(new Uint8Array(4), toBytes(name), body, new Uint8Array(4));
  const view = new DataView(chunk.buffer);
  view.setUint32(0, body.length);
  view.setUint32(8 + body.length, crc32(chunk.subarray(4, 8 + body.length)));
  return chunk;
}

/** A PNG file around rows that are already filtered. */
export function pngFile(
  { width, height, depth, colour, interlace = 0, rows, before = [] }: {
    width: number;
    height: number;
    depth: number;
    colour: number;
    interlace?: number;
    rows: Uint8Array;
    /** Chunks between header and data. */
    before?: readonly Uint8Array[];
  },
): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([depth, colour, 0, 0, interlace], 8);
  return join(
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    pngChunk("IHDR", header),
    ...before,
    pngChunk("IDAT", new Uint8Array(deflateSync(rows))),
    pngChunk("IEND", new Uint8Array()),
  );
}

/** An RGB picture of one colour. */
export function plainPng(
  width: number,
  height: number,
  rgb: readonly [number, number, number],
): Uint8Array {
  const row = join(
    Uint8Array.of(0),
    ...Array.from({ length: width }, () => Uint8Array.from(rgb)),
  );
  const rows = join(...Array.from({ length: height }, () => row));
  return pngFile({ width, height, depth: 8, colour: 2, rows });
}
