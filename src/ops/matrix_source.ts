import {
  type Matrix,
  matrixLayout,
  type Program,
  type Tensor,
} from "../gpu/mod.ts";

/**
 * A tensor as rows of `width` elements. All ops that read it so share one copy, until
 * it is written.
 */
export function matrixOf(
  program: Program,
  tensor: Tensor,
  width: number,
): Matrix {
  const { type, shape } = tensor;
  if (type === "u32") {
    throw new TypeError(`Cannot read a tensor [${shape}] of integers as reals`);
  }
  const limit = program.device.limits.maxTextureDimension2D;
  const size = [tensor.length / width, width] as const;
  return { tensor, layout: matrixLayout(size, type, limit) };
}
