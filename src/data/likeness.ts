import { COMPARED_PLANE, COMPARED_SIDE, type Move } from "./image_cells.ts";

/** How far two images show the same, each from -1 to 1. */
export interface Likeness {
  /** Correlation of the pixels. */
  whole: number;
  /** Correlation of the differences between neighbours: outlines and texture. */
  detail: number;
}

/**
 * Compares two images `[channels, 32, 32]` where they overlap when the second one is
 * moved. Gains and offsets of the brightness do not count; hues do.
 */
export function likeness(
  first: Uint8Array,
  second: Uint8Array,
  { dx, dy, mirrored }: Move,
): Likeness {
  const [left, right] = overlap(dx);
  const [top, bottom] = overlap(dy);
  // From a pixel of the first image to its own in the second one: x turns.
  const turn = mirrored ? -1 : 1;
  const origin = dy * COMPARED_SIDE + (mirrored ? COMPARED_SIDE - 1 - dx : dx);
  let [n, a, b, aa, bb, ab] = [0, 0, 0, 0, 0, 0];
  let [daa, dbb, dab] = [0, 0, 0];
  for (let plane = 0; plane < first.length; plane += COMPARED_PLANE) {
    for (let y = top; y < bottom; y++) {
      const row = plane + y * COMPARED_SIDE;
      for (let x = left; x < right; x++) {
        const at = row + x;
        const to = row + origin + turn * x;
        const own = first[at]!;
        const other = second[to]!;
        n++;
        a += own;
        b += other;
        aa += own * own;
        bb += other * other;
        ab += own * other;
        if (x + 2 >= right || y + 2 >= bottom) continue;
        // Differences of means over 2x2 pixels: noise of single ones counts little.
        for (let axis = 0; axis < 2; axis++) {
          const far = axis === 0 ? 2 : 2 * COMPARED_SIDE;
          const side = axis === 0 ? COMPARED_SIDE : 1;
          const otherFar = axis === 0 ? 2 * turn : far;
          const otherSide = axis === 0 ? side : turn;
          const step = first[at + far]! + first[at + far + side]! - own -
            first[at + side]!;
          const otherStep = second[to + otherFar]! +
            second[to + otherFar + otherSide]! - other -
            second[to + otherSide]!;
          daa += step * step;
          dbb += otherStep * otherStep;
          dab += step * otherStep;
        }
      }
    }
  }
  return {
    whole: ratio(ab - a * b / n, (aa - a * a / n) * (bb - b * b / n)),
    detail: ratio(dab, daa * dbb),
  };
}

/** Places along an axis that both images have. */
function overlap(shift: number): [number, number] {
  return [Math.max(0, -shift), Math.min(COMPARED_SIDE, COMPARED_SIDE - shift)];
}

function ratio(product: number, squares: number): number {
  return squares <= 0 ? 0 : product / Math.sqrt(squares);
}
