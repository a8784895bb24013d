/** Arrays that travel between ranks as they are. */
export type TypedArray =
  | Float32Array
  | Float16Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Uint8Array
  | BigInt64Array
  | Uint16Array;

/**
 * Names of the element types, as messages and errors show them. `bf16` has no
 * array of its own: its bits are in a `Uint16Array`.
 */
export type ElementType =
  | "f32"
  | "f16"
  | "f64"
  | "i32"
  | "u32"
  | "u8"
  | "i64"
  | "bf16";

/** Values that travel as JSON text. */
export type Json =
  | null
  | boolean
  | number
  | string
  | Json[]
  | { [key: string]: Json | undefined };

interface ArrayType {
  new (length: number): TypedArray;
  new (buffer: ArrayBufferLike, offset?: number, length?: number): TypedArray;
  readonly BYTES_PER_ELEMENT: number;
}

/** The position in this list stands for the type in frames; only ever appended to. */
const TYPES: readonly (readonly [ElementType, ArrayType])[] = [
  ["f32", Float32Array],
  ["f16", Float16Array],
  ["f64", Float64Array],
  ["i32", Int32Array],
  ["u32", Uint32Array],
  ["u8", Uint8Array],
  ["i64", BigInt64Array],
  ["bf16", Uint16Array],
];

/** Stands for JSON text where the number of a type is expected. */
export const JSON_CODE = 255;

function entryOf(value: unknown) {
  return TYPES.find(([, type]) =>
    ArrayBuffer.isView(value) && value.constructor === type
  );
}

export function isTypedArray(value: unknown): value is TypedArray {
  return entryOf(value) !== undefined;
}

/** @throws {TypeError} If the elements cannot be sent. */
export function typeOf(value: unknown): ElementType {
  const entry = entryOf(value);
  if (entry !== undefined) return entry[0];
  const what = value === undefined
    ? "undefined"
    : Object(value) === value
    ? (value as object).constructor?.name ?? "this object"
    : typeof value;
  throw new TypeError(
    `Cannot use ${what} here: arrays of elements are ${
      TYPES.map(([, type]) => (type as unknown as { name: string }).name)
        .join(", ")
    }`,
  );
}

export function codeOf(type: ElementType): number {
  return TYPES.findIndex(([name]) => name === type);
}

/** @throws {TypeError} If no type has this number. */
export function typeOfCode(code: number): ElementType {
  const entry = TYPES[code];
  if (entry === undefined) {
    throw new TypeError(`Cannot read elements of the unknown type ${code}`);
  }
  return entry[0];
}

export function bytesPerElement(type: ElementType): number {
  return TYPES[codeOf(type)]![1].BYTES_PER_ELEMENT;
}

/** `f32[384]` */
export function describeArray(values: TypedArray): string {
  return `${typeOf(values)}[${values.length}]`;
}

export function allocate(type: ElementType, length: number): TypedArray {
  return new (TYPES[codeOf(type)]![1])(length);
}

/** A new array of the same type. */
export function allocateLike<T extends TypedArray>(like: T, length: number): T {
  return allocate(typeOf(like), length) as T;
}

/** The same memory as bytes. */
export function bytesOf(values: TypedArray): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Bytes as elements; copied only when they are not aligned. */
export function viewAs(type: ElementType, bytes: Uint8Array): TypedArray {
  const constructor = TYPES[codeOf(type)]![1];
  const size = constructor.BYTES_PER_ELEMENT;
  const length = bytes.length / size;
  return bytes.byteOffset % size === 0
    ? new constructor(bytes.buffer, bytes.byteOffset, length)
    : new constructor(new Uint8Array(bytes).buffer, 0, length);
}

/** The elements `[start, end)`, in the same memory. */
export function part<T extends TypedArray>(
  values: T,
  start: number,
  end?: number,
): T {
  return values.subarray(start, end) as T;
}

/** Copies `source` to `target[at…]`. */
export function copyTo(
  target: TypedArray,
  source: TypedArray,
  at = 0,
): void {
  // Both have one type, which the compiler cannot see.
  (target as Float32Array).set(source as Float32Array, at);
}

/** Whether two arrays lie, even in part, in the same memory. */
export function overlap(a: ArrayBufferView, b: ArrayBufferView): boolean {
  return a.buffer === b.buffer &&
    a.byteOffset < b.byteOffset + b.byteLength &&
    b.byteOffset < a.byteOffset + a.byteLength;
}
