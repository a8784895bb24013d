import type { MixPlan } from "../ops/mod.ts";

/** Images mixed in pairs, in float64: `[plans.length, 3, height, width]`. */
export function mixImagesReference(
  images: ArrayLike<number>,
  plans: readonly MixPlan[],
  { height, width }: { height: number; width: number },
): Float64Array {
  const size = 3 * height * width;
  const result = new Float64Array(plans.length * size);
  plans.forEach(({ partner, pixelShare, box }, row) => {
    for (let i = 0; i < size; i++) {
      const x = i % width;
      const y = Math.floor(i / width) % height;
      const cut = x >= box.left && x < box.right && y >= box.top &&
        y < box.bottom;
      const share = cut ? 0 : pixelShare;
      result[row * size + i] = share * images[row * size + i]! +
        (1 - share) * images[partner * size + i]!;
    }
  });
  return result;
}

/** The targets that belong to them: `[plans.length, classes]`. */
export function mixTargetsReference(
  plans: readonly MixPlan[],
  { labels, weights, classes, smoothing }: {
    labels: ArrayLike<number>;
    weights: ArrayLike<number>;
    classes: number;
    smoothing: number;
  },
): Float64Array {
  const result = new Float64Array(plans.length * classes);
  plans.forEach(({ partner, labelShare }, row) => {
    const parts = [[row, labelShare], [partner, 1 - labelShare]] as const;
    for (const [at, share] of parts) {
      const label = labels[at]!;
      if (label >= classes) continue;
      for (let c = 0; c < classes; c++) {
        const target = smoothing / classes + (c === label ? 1 - smoothing : 0);
        result[row * classes + c]! += share * weights[at]! * target;
      }
    }
  });
  return result;
}
