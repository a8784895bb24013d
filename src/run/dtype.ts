import { ConfigError } from "../env/mod.ts";

/** Bytes per element of every safetensors type. */
export const DTYPE_BYTES = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export type Dtype = keyof typeof DTYPE_BYTES;

/** A tensor as it lies in a file: little-endian bytes, rows last. */
export interface StoredTensor {
  dtype: Dtype;
  /** `[]` for a scalar. */
  shape: readonly number[];
  data: Uint8Array;
}

export type TensorMap = Map<string, StoredTensor>;

/** Wraps float values; the bytes are shared, not copied. */
export function float32Tensor(
  shape: readonly number[],
  values: Float32Array,
): StoredTensor {
  const data = new Uint8Array(
    values.buffer,
    values.byteOffset,
    values.byteLength,
  );
  return { dtype: "F32", shape, data };
}

type Reader = (view: DataView, offset: number) => number;

const READERS: Partial<Record<Dtype, Reader>> = {
  F64: (view, offset) => view.getFloat64(offset, true),
  F32: (view, offset) => view.getFloat32(offset, true),
  F16: (view, offset) => view.getFloat16(offset, true),
  BF16: readBfloat16,
  I64: (view, offset) => Number(view.getBigInt64(offset, true)),
  U64: (view, offset) => Number(view.getBigUint64(offset, true)),
  I32: (view, offset) => view.getInt32(offset, true),
  U32: (view, offset) => view.getUint32(offset, true),
  I16: (view, offset) => view.getInt16(offset, true),
  U16: (view, offset) => view.getUint16(offset, true),
  I8: (view, offset) => view.getInt8(offset),
  U8: (view, offset) => view.getUint8(offset),
  BOOL: (view, offset) => view.getUint8(offset) === 0 ? 0 : 1,
};

const word = new DataView(new ArrayBuffer(4));

/** bf16 is the upper half of an f32. */
function readBfloat16(view: DataView, offset: number): number {
  word.setUint32(0, view.getUint16(offset, true) << 16);
  return word.getFloat32(0);
}

/** Whether {@linkcode toFloat32} knows the type: not the 8-bit floats. */
export function isReadable(dtype: Dtype): boolean {
  return READERS[dtype] !== undefined;
}

/**
 * A copy of the values as f32. Exact for f16, bf16 and small integers; f64 and
 * wide integers are rounded to the nearest f32.
 *
 * @throws {ConfigError} For the 8-bit float types.
 */
export function toFloat32(tensor: StoredTensor): Float32Array<ArrayBuffer> {
  const { dtype, data } = tensor;
  const values = new Float32Array(data.byteLength / DTYPE_BYTES[dtype]);
  if (dtype === "F32") {
    new Uint8Array(values.buffer).set(data);
    return values;
  }
  const read = READERS[dtype];
  if (!read) {
    throw new ConfigError(`Cannot read numbers of type ${dtype}`, {
      hint: "convert the file to F32, F16 or BF16",
    });
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let i = 0; i < values.length; i++) {
    values[i] = read(view, i * DTYPE_BYTES[dtype]);
  }
  return values;
}
