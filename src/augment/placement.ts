import type { ViewPlan } from "../ops/mod.ts";
import { multiplyHigh } from "../random.ts";
import { between, DRAW, draw, type DrawSource } from "./draws.ts";
import type { ViewPolicy } from "./policy.ts";

/** Height and width in pixels. */
export interface Size {
  height: number;
  width: number;
}

/** Tries for a crop that fits into the image. */
const TRIES = 10;

/** Where in the stored image the view lies. */
export function placeView(
  policy: ViewPolicy,
  source: DrawSource,
  stored: Size,
): Pick<ViewPlan, "crop" | "shiftX" | "shiftY" | "mirrored"> {
  const { padding, flip, resizedCrop } = policy;
  const words = draw(source, DRAW.place);
  const shifts = 2 * padding + 1;
  return {
    crop: resizedCrop.enabled
      ? randomCrop(resizedCrop, source, stored)
      : { left: 0, top: 0, right: stored.width, bottom: stored.height },
    shiftX: multiplyHigh(words[0], shifts) - padding,
    shiftY: multiplyHigh(words[1], shifts) - padding,
    mirrored: flip && words[2] % 2 === 1,
  };
}

/**
 * A random part of the image: its area uniform, its width / height log-uniform.
 * When no try fits: the largest centred part with the nearest allowed proportions.
 */
function randomCrop(
  options: ViewPolicy["resizedCrop"],
  source: DrawSource,
  { height, width }: Size,
): ViewPlan["crop"] {
  const { minScale, maxScale, minRatio, maxRatio } = options;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const words = draw(source, DRAW.crop + attempt);
    const area = height * width * between(words[0], minScale, maxScale);
    const ratio = Math.exp(
      between(words[1], Math.log(minRatio), Math.log(maxRatio)),
    );
    const w = Math.round(Math.sqrt(area * ratio));
    const h = Math.round(Math.sqrt(area / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const left = multiplyHigh(words[2], width - w + 1);
    const top = multiplyHigh(words[3], height - h + 1);
    return { left, top, right: left + w, bottom: top + h };
  }
  const ratio = Math.min(Math.max(width / height, minRatio), maxRatio);
  const w = Math.max(1, Math.min(width, Math.round(height * ratio)));
  const h = Math.max(1, Math.min(height, Math.round(width / ratio)));
  const left = (width - w) >> 1;
  const top = (height - h) >> 1;
  return { left, top, right: left + w, bottom: top + h };
}
