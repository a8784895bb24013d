import type { MixPlan } from "../ops/mod.ts";
import { multiplyHigh, uniform01 } from "../random.ts";
import { DRAW, draw, type DrawSource, symmetricBeta } from "./draws.ts";
import type { Size } from "./placement.ts";
import type { MixPolicy } from "./policy.ts";

/** How the image at a position is mixed; the partner is chosen elsewhere. */
export function planMix(
  policy: MixPolicy,
  source: DrawSource,
  { height, width }: Size,
): Omit<MixPlan, "partner"> {
  const { mixup, cutmix, mixProbability, switchProbability, mixPer } = policy;
  const own = mixPer === "batch" ? { ...source, position: 0 } : source;
  const words = draw(own, DRAW.mix);
  const nothing = { left: 0, top: 0, right: 0, bottom: 0 };
  if (uniform01(words[0]) >= mixProbability) {
    return { pixelShare: 1, labelShare: 1, box: nothing };
  }
  const cuts = cutmix > 0 &&
    (mixup === 0 || uniform01(words[1]) < switchProbability);
  const share = symmetricBeta(own, DRAW.gamma, cuts ? cutmix : mixup);
  if (!cuts) return { pixelShare: share, labelShare: share, box: nothing };
  // A rectangle of the image's proportions around any pixel; what lies outside
  // the image does not count.
  const side = Math.sqrt(1 - share);
  const w = Math.floor(width * side);
  const h = Math.floor(height * side);
  const x = multiplyHigh(words[2], width);
  const y = multiplyHigh(words[3], height);
  const box = {
    left: Math.max(0, x - (w >> 1)),
    top: Math.max(0, y - (h >> 1)),
    right: Math.min(width, x - (w >> 1) + w),
    bottom: Math.min(height, y - (h >> 1) + h),
  };
  const area = Math.max(0, box.right - box.left) *
    Math.max(0, box.bottom - box.top);
  return {
    pixelShare: 1,
    labelShare: 1 - area / (height * width),
    box: area > 0 ? box : nothing,
  };
}

/** The other half of a pair: the batch is mixed with itself in reverse order. */
export function partnerOf(position: number, globalBatch: number): number {
  return globalBatch - 1 - position;
}
