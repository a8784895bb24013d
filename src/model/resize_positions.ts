/** Options of {@linkcode resizePositions}. */
export interface ResizePositionsOptions {
  /** Rows before the grid, which are kept as they are. */
  prefix: number;
  /** Side of the square grid of the input. */
  oldGrid: number;
  /** Side of the square grid of the result. */
  newGrid: number;
  dim: number;
  /** Widen the filter when shrinking, as timm does; Hugging Face does not. */
  antialias?: boolean;
}

/** Input cells and their weights for one output cell of one axis. */
interface Taps {
  readonly indices: readonly number[];
  readonly weights: readonly number[];
}

/**
 * Position embeddings `[prefix + grid^2, dim]` for another grid: bicubic with
 * half-pixel centres, separable, in float64.
 *
 * Without antialiasing the kernel has a = -0.75 and edges are clamped; with it
 * a = -0.5, and taps beyond the edge are left out: both as in PyTorch.
 */
export function resizePositions(
  positions: Float32Array,
  options: ResizePositionsOptions,
): Float32Array<ArrayBuffer> {
  const { prefix, oldGrid, newGrid, dim } = options;
  checkLength(positions, prefix, oldGrid, dim);
  if (oldGrid === newGrid) return new Float32Array(positions);
  const result = new Float32Array((prefix + newGrid * newGrid) * dim);
  result.set(positions.subarray(0, prefix * dim));
  const grid = new Float64Array(newGrid * newGrid * dim);
  forEachTap(options, (output, input, weight) => {
    const start = (prefix * dim) + input;
    for (let c = 0; c < dim; c++) {
      grid[output + c]! += weight * positions[start + c]!;
    }
  });
  result.set(grid, prefix * dim);
  return result;
}

/** Calls back for each pair of cells of the two grids, by their first element. */
function forEachTap(
  { oldGrid, newGrid, dim, antialias = false }: ResizePositionsOptions,
  visit: (output: number, input: number, weight: number) => void,
): void {
  const tapsOf = antialias ? smoothTaps : cubicTaps;
  const taps = Array.from(
    { length: newGrid },
    (_, i) => tapsOf(i, oldGrid, newGrid),
  );
  taps.forEach((down, y) =>
    taps.forEach((across, x) =>
      down.indices.forEach((oldY, i) =>
        across.indices.forEach((oldX, j) =>
          visit(
            (y * newGrid + x) * dim,
            (oldY * oldGrid + oldX) * dim,
            down.weights[i]! * across.weights[j]!,
          )
        )
      )
    )
  );
}

function checkLength(
  values: Float32Array,
  prefix: number,
  grid: number,
  dim: number,
): void {
  if (values.length !== (prefix + grid * grid) * dim) {
    throw new RangeError(
      `Cannot resize positions: ${values.length} values, expected (${prefix} + ${grid}^2) * ${dim}`,
    );
  }
}

/** Keys' cubic convolution kernel. */
function cubic(x: number, a: number): number {
  const d = Math.abs(x);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

function cubicTaps(index: number, oldGrid: number, newGrid: number): Taps {
  const center = (index + 0.5) * oldGrid / newGrid - 0.5;
  const first = Math.floor(center) - 1;
  const cells = [first, first + 1, first + 2, first + 3];
  return {
    indices: cells.map((cell) => Math.min(Math.max(cell, 0), oldGrid - 1)),
    weights: cells.map((cell) => cubic(center - cell, -0.75)),
  };
}

function smoothTaps(index: number, oldGrid: number, newGrid: number): Taps {
  const scale = oldGrid / newGrid;
  const stretch = Math.max(scale, 1);
  const center = (index + 0.5) * scale;
  const start = Math.max(0, Math.trunc(center - 2 * stretch + 0.5));
  const end = Math.min(oldGrid, Math.trunc(center + 2 * stretch + 0.5));
  const indices = Array.from({ length: end - start }, (_, i) => start + i);
  const raw = indices.map((cell) =>
    cubic((cell + 0.5 - center) / stretch, -0.5)
  );
  const total = raw.reduce((sum, weight) => sum + weight, 0);
  return { indices, weights: raw.map((weight) => weight / total) };
}
