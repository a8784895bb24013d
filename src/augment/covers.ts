import type { Cover } from "../ops/mod.ts";
import { multiplyHigh, uniform01 } from "../random.ts";
import { between, DRAW, draw, type DrawSource } from "./draws.ts";
import type { Size } from "./placement.ts";
import type { ViewPolicy } from "./policy.ts";

/** Tries for a rectangle that fits into the image. */
const TRIES = 10;

const FILLS = { black: 0, gray: 0.5, mean: "mean", noise: "noise" } as const;

/** Cutout: a square around any pixel, so that parts of it may lie outside. */
export function cutout(
  options: ViewPolicy["cutout"],
  source: DrawSource,
  { height, width }: Size,
): Cover[] {
  const { probability, minSide, maxSide, fill } = options;
  if (probability === 0) return [];
  const words = draw(source, DRAW.cutout);
  if (uniform01(words[2]) >= probability) return [];
  const share = between(words[3], minSide, maxSide);
  const side = Math.round(share * Math.min(width, height));
  const left = multiplyHigh(words[0], width) - (side >> 1);
  const top = multiplyHigh(words[1], height) - (side >> 1);
  const box = { left, top, right: left + side, bottom: top + side };
  return [{ box, fill: FILLS[fill] }];
}

/** Random erasing: a rectangle inside the image, its area uniform, its proportions log-uniform. */
export function erasing(
  options: ViewPolicy["erasing"],
  source: DrawSource,
  { height, width }: Size,
): Cover[] {
  const { probability, minArea, maxArea, minRatio, fill } = options;
  if (probability === 0) return [];
  const [chance] = draw(source, DRAW.erasing);
  if (uniform01(chance) >= probability) return [];
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const words = draw(source, DRAW.erasing + 1 + attempt);
    const area = height * width * between(words[0], minArea, maxArea);
    const bound = -Math.log(minRatio);
    const ratio = Math.exp(between(words[1], -bound, bound));
    const h = Math.round(Math.sqrt(area * ratio));
    const w = Math.round(Math.sqrt(area / ratio));
    if (w < 1 || h < 1 || w >= width || h >= height) continue;
    const left = multiplyHigh(words[2], width - w + 1);
    const top = multiplyHigh(words[3], height - h + 1);
    const box = { left, top, right: left + w, bottom: top + h };
    return [{ box, fill: FILLS[fill] }];
  }
  return [];
}
