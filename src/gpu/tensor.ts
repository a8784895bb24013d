/** Types of activations: `f16` halves the traffic where the adapter has `shader-f16`. */
export type RealType = "f32" | "f16";

/** Element types of GPU tensors. */
export type ElementType = RealType | "u32";

/** A shape and a type over a range of a GPU buffer. */
export interface Tensor {
  readonly buffer: GPUBuffer;
  /** First byte in the buffer, a multiple of 256 so that it can be bound. */
  readonly offset: number;
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly length: number;
  readonly type: ElementType;
}

/** Bytes of `length` elements. */
export function bytesOf(length: number, type: ElementType): number {
  return length * (type === "f16" ? 2 : 4);
}

/** Bytes to bind or copy: those of the elements, in whole words. */
export function tensorBytes({ length, type }: Tensor): number {
  return Math.ceil(bytesOf(length, type) / 4) * 4;
}

/** Number of elements of a shape; 1 for a scalar. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * The same memory under another shape, `start` elements further on.
 *
 * @throws {RangeError} If the view leaves the tensor or cannot be bound.
 */
export function view(
  tensor: Tensor,
  shape: readonly number[],
  start = 0,
): Tensor {
  const length = elements(shape);
  const offset = tensor.offset + bytesOf(start, tensor.type);
  if (start + length > tensor.length) {
    throw new RangeError(
      `Cannot view [${shape}] at ${start} of a tensor [${tensor.shape}]: it has ${tensor.length} elements`,
    );
  }
  if (offset % 256 !== 0) {
    throw new RangeError(
      `Cannot view [${shape}] at element ${start}: byte ${offset} is no multiple of 256`,
    );
  }
  return { buffer: tensor.buffer, offset, shape, length, type: tensor.type };
}

/** Names the shapes of all arguments of an op that do not fit together. */
export function shapeError(op: string, tensors: Record<string, Tensor>): Error {
  const shapes = Object.entries(tensors)
    .map(([name, tensor]) => `${name} [${tensor.shape}]`);
  return new RangeError(
    `Cannot record ${op}: shapes do not fit: ${shapes.join(", ")}`,
  );
}
