import type { RealType, Tensor } from "./tensor.ts";

/**
 * Texels in a row of a tensor's `rgba32float` or `rgba16float` texture: elements 4 i .. 4 i + 3
 * are at (i % 1024, i / 1024). The last texel may hold up to three more elements.
 */
export const TEXTURE_WIDTH = 1024;

/** Where the elements of a tensor are in a texture. */
export interface TextureLayout {
  /** Texels in a full row of the texture. */
  readonly width: number;
  /** Texels that hold elements. */
  readonly texels: number;
  /** Rows of the texture that must exist. */
  readonly height: number;
  /** What lies past the elements must be zeros. */
  readonly exact: boolean;
  /** Texels in a row of a matrix: zeros at their ends depend on it. */
  readonly quads?: number;
}

/**
 * A matrix whose rows start at a texel: elements 4 q .. 4 q + 3 of row r are at
 *
 *   (r % 2^shift * quads + q, r / 2^shift)
 *
 * and zeros follow the last element of a row, and the last row if it is an even one.
 */
export interface MatrixLayout extends TextureLayout {
  readonly quads: number;
  readonly shift: number;
  /** Rows are no whole texels in the buffer: a kernel copies them one by one. */
  readonly padded: boolean;
}

/** A tensor to be read as a matrix. */
export interface Matrix {
  readonly tensor: Tensor;
  readonly layout: MatrixLayout;
}

/** Of textures that hold a tensor's elements by fours. */
export function textureFormat({ type }: Tensor): "rgba32float" | "rgba16float" {
  return type === "f16" ? "rgba16float" : "rgba32float";
}

/** Copies need rows of this many bytes. */
const ROW_BYTES = 256;

/** Elements in their order, see {@linkcode TEXTURE_WIDTH}. */
export function flatLayout(tensor: Tensor): TextureLayout {
  const texels = Math.ceil(tensor.length / 4);
  const height = Math.ceil(texels / TEXTURE_WIDTH);
  return { width: TEXTURE_WIDTH, texels, height, exact: false };
}

/**
 * The layout of `rows` of `cols` elements. Several rows share one row of the texture
 * where that makes it copyable or low enough for the adapter.
 */
export function matrixLayout(
  [rows, cols]: readonly [number, number],
  type: RealType,
  heightLimit: number,
): MatrixLayout {
  const quads = Math.ceil(cols / 4);
  const padded = cols % 4 !== 0;
  const rowBytes = quads * (type === "f16" ? 8 : 16);
  // One more for a product that reads rows two by two.
  const even = rows + rows % 2;
  let shift = 0;
  while (
    (!padded && (rowBytes << shift) % ROW_BYTES !== 0) ||
    (even >> shift) + 1 >= heightLimit
  ) shift++;
  return {
    quads,
    shift,
    padded,
    width: quads << shift,
    texels: rows * quads,
    height: Math.ceil(even / 2 ** shift),
    exact: true,
  };
}
