import { ConfigError, type Disk } from "../env/mod.ts";
import {
  type Dtype,
  DTYPE_BYTES,
  type StoredTensor,
  type TensorMap,
} from "./dtype.ts";
import { jsonShapeProblem } from "./json_shape.ts";

/** Limit of the format itself. */
const MAX_HEADER_BYTES = 100_000_000;
const MAX_TENSORS = 65_536;
const MAX_RANK = 32;
/** Names that cannot be tensors: one is the header's own, one no safe key. */
const RESERVED = new Set(["__metadata__", "__proto__"]);

/** What a safetensors file holds; `data` are views of the file's bytes. */
export interface Safetensors {
  tensors: TensorMap;
  metadata: Record<string, string>;
}

/**
 * Reads a file: u64 length of the header, JSON header, tensors without gaps.
 *
 * Nothing is allocated for a tensor before its bounds are proven, and the
 * tensors must cover the file exactly once.
 *
 * @param name Stands in messages for the file.
 * @throws {ConfigError} If the file breaks the format.
 */
export function readSafetensors(
  bytes: Uint8Array,
  name = "safetensors",
): Safetensors {
  const { entries, metadata, start } = readLayout(bytes, bytes.length, name);
  const body = bytes.subarray(start);
  const tensors: TensorMap = new Map();
  for (const { name, dtype, shape, begin, end } of entries) {
    tensors.set(name, { dtype, shape, data: body.subarray(begin, end) });
  }
  return { tensors, metadata };
}

/** Reads a file from disk. */
export async function readSafetensorsFile(
  disk: Disk,
  path: string,
): Promise<Safetensors> {
  if ((await disk.stat(path))?.kind !== "file") {
    throw new ConfigError(`Cannot read ${path}: there is no such file`);
  }
  return readSafetensors(await disk.read(path), path);
}

/** Type and shape of each tensor of a file, of which only the header is read. */
export async function readSafetensorsShapes(
  disk: Disk,
  path: string,
): Promise<Map<string, Pick<StoredTensor, "dtype" | "shape">>> {
  const info = await disk.stat(path);
  if (info?.kind !== "file") {
    throw new ConfigError(`Cannot read ${path}: there is no such file`);
  }
  const first = await disk.readRange(path, 0, 8);
  const claimed = first.length < 8 ? 0 : Number(headerLength(first));
  const length = Math.min(claimed, MAX_HEADER_BYTES, info.size);
  const head = await disk.readRange(path, 0, 8 + length);
  const { entries } = readLayout(head, info.size, path);
  return new Map(
    entries.map(({ name, dtype, shape }) => [name, { dtype, shape }]),
  );
}

/** Writes tensors, widest type first and then by name, so that all are aligned. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].sort(([a, x], [b, y]) =>
    DTYPE_BYTES[y.dtype] - DTYPE_BYTES[x.dtype] || (a < b ? -1 : a > b ? 1 : 0)
  );
  const header: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) header.push(["__metadata__", metadata]);
  let offset = 0;
  for (const [name, { dtype, shape, data }] of sorted) {
    const wanted = DTYPE_BYTES[dtype] * shape.reduce((a, b) => a * b, 1);
    if (data.byteLength !== wanted || RESERVED.has(name)) {
      throw new RangeError(
        `Cannot write tensor ${name} [${shape}]: ${data.byteLength} bytes of ${dtype}, expected ${wanted}`,
      );
    }
    const end = offset + data.byteLength;
    header.push([name, { dtype, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  let json = JSON.stringify(Object.fromEntries(header));
  const encoder = new TextEncoder();
  const length = encoder.encode(json).length;
  json += " ".repeat((8 - length % 8) % 8);
  const head = encoder.encode(json);
  const bytes = new Uint8Array(8 + head.length + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  let at = 8 + head.length;
  for (const [, { data }] of sorted) {
    bytes.set(data, at);
    at += data.byteLength;
  }
  return bytes;
}

type Refuse = (reason: string) => never;

/** What the header says of a file of `size` bytes, which begins with `bytes`. */
function readLayout(
  bytes: Uint8Array,
  size: number,
  name: string,
): { entries: Entry[]; metadata: Record<string, string>; start: number } {
  function refuse(reason: string): never {
    throw new ConfigError(`Cannot read ${name}: ${reason}`);
  }
  const { header, start } = readHeader(bytes, size, refuse);
  const { __metadata__: metadata = {}, ...tensors } = header;
  const names = Object.keys(tensors);
  if (names.length > MAX_TENSORS) {
    refuse(`${names.length} tensors, more than ${MAX_TENSORS}`);
  }
  const entries = names.map((key) => readEntry(key, tensors[key], refuse));
  const inOrder = [...entries].sort((a, b) =>
    a.begin - b.begin || a.end - b.end
  );
  let end = 0;
  for (const entry of inOrder) {
    if (entry.begin !== end) {
      refuse(
        `tensor ${entry.name} begins at ${entry.begin}, expected ${end}: ${
          entry.begin < end ? "tensors overlap" : "there is a gap"
        }`,
      );
    }
    end = entry.end;
  }
  if (end !== size - start) {
    refuse(`tensors end at ${end}, but the data has ${size - start} bytes`);
  }
  return { entries, metadata: readMetadata(metadata, refuse), start };
}

function headerLength(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}

function readHeader(
  bytes: Uint8Array,
  size: number,
  refuse: Refuse,
): { header: Record<string, unknown>; start: number } {
  if (bytes.length < 8) refuse(`${bytes.length} bytes are no header length`);
  const length = headerLength(bytes);
  if (length > MAX_HEADER_BYTES || Number(length) > size - 8) {
    refuse(
      `it is no safetensors file, or damaged: its header claims ${length} bytes, the file has ${
        size - 8
      } and the limit is ${MAX_HEADER_BYTES}`,
    );
  }
  const start = 8 + Number(length);
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes.subarray(8, start));
  } catch {
    refuse("header is not UTF-8");
  }
  // An object of objects with lists of numbers: three levels.
  const problem = text.startsWith("{")
    ? jsonShapeProblem(text, 3)
    : "no object";
  if (problem !== undefined) refuse(`header: ${problem}`);
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    refuse(`header is not JSON: ${(error as Error).message.slice(0, 80)}`);
  }
  if (Object.hasOwn(header as object, "__proto__")) {
    refuse("a tensor is called __proto__");
  }
  return { header: header as Record<string, unknown>, start };
}

interface Entry {
  name: string;
  dtype: Dtype;
  shape: number[];
  begin: number;
  end: number;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function readEntry(name: string, value: unknown, refuse: Refuse): Entry {
  const label = `tensor ${name.slice(0, 80)}`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse(`${label} is no object`);
  }
  const { dtype, shape, data_offsets: offsets, ...rest } = value as Record<
    string,
    unknown
  >;
  const extra = Object.keys(rest)[0];
  if (extra !== undefined) refuse(`${label} has an unknown key ${extra}`);
  if (typeof dtype !== "string" || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    refuse(`${label} has dtype ${JSON.stringify(dtype)}`);
  }
  if (
    !Array.isArray(shape) || shape.length > MAX_RANK || !shape.every(isSize)
  ) {
    refuse(`${label} has shape ${JSON.stringify(shape)?.slice(0, 80)}`);
  }
  if (
    !Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)
  ) {
    refuse(`${label} has offsets ${JSON.stringify(offsets)?.slice(0, 80)}`);
  }
  const [begin, end] = offsets as [number, number];
  // Zero dimensions first: 0 * 2^60 must not count as an overflow.
  const empty = shape.includes(0);
  const size = empty
    ? 0
    : shape.reduce((a, b) => a * b, DTYPE_BYTES[dtype as Dtype]);
  if (!isSize(size) || end - begin !== size) {
    refuse(
      `${label} [${shape}] of ${dtype} needs ${size} bytes, its offsets hold ${
        end - begin
      }`,
    );
  }
  return { name, dtype: dtype as Dtype, shape, begin, end };
}

function readMetadata(value: unknown, refuse: Refuse): Record<string, string> {
  if (
    typeof value !== "object" || value === null || Array.isArray(value) ||
    !Object.values(value).every((text) => typeof text === "string")
  ) refuse("__metadata__ must map names to text");
  return value as Record<string, string>;
}
