/** Height and width in pixels. */
interface Size {
  height: number;
  width: number;
}

/** For each output place: first input place and the weights from there on. */
function windows(from: number, to: number): { first: number; w: number[] }[] {
  const scale = from / to;
  const stretch = Math.max(1, scale);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - stretch + 0.5));
    const end = Math.min(from, Math.trunc(centre + stretch + 0.5));
    const w = Array.from(
      { length: end - first },
      (_, k) => Math.max(0, 1 - Math.abs(first + k - centre + 0.5) / stretch),
    );
    const sum = w.reduce((total, value) => total + value, 0);
    return { first, w: w.map((value) => value / sum) };
  });
}

/**
 * A plane resized with a triangle filter that is stretched by the scale when
 * shrinking, half-pixel centres: `src/data/resize.ts` without its roundings.
 */
export function resizeReference(
  plane: Float64Array,
  { from, to }: { from: Size; to: Size },
): Float64Array {
  const across = windows(from.width, to.width);
  const down = windows(from.height, to.height);
  const result = new Float64Array(to.height * to.width);
  down.forEach((rows, y) =>
    across.forEach((columns, x) => {
      let sum = 0;
      rows.w.forEach((weightY, j) =>
        columns.w.forEach((weightX, i) => {
          const at = (rows.first + j) * from.width + columns.first + i;
          sum += weightY * weightX * plane[at]!;
        })
      );
      result[y * to.width + x] = sum;
    })
  );
  return result;
}
