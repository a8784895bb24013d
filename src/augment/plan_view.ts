import type { Change, ViewPlan } from "../ops/mod.ts";
import { colourJitter } from "./colour_jitter.ts";
import { cutout, erasing } from "./covers.ts";
import { DRAW, draw, type DrawSource } from "./draws.ts";
import { placeView, type Size } from "./placement.ts";
import { changesOf, hasFill, jitters, type ViewPolicy } from "./policy.ts";
import { randAugment } from "./rand_augment.ts";
import { strongChange, strongCut } from "./strong_change.ts";

/**
 * Everything random about one view: a function of the policy, the draw's source and
 * the sizes alone, in the order crop, flip, colour jitter, RandAugment, cutout, erasing.
 */
export function planView(
  policy: ViewPolicy,
  source: DrawSource,
  { stored, size }: { stored: Size; size: Size },
): ViewPlan {
  const { strength } = policy;
  const place = placeView(policy, source, stored);
  const changes: Change[] = [];
  if (strength > 0) {
    changes.push(strongChange(strength, source, { size, place }));
  }
  if (jitters(policy)) {
    changes.push(colourJitter(policy.colourJitter, source));
  }
  changes.push(...randAugment(policy.randAugment, source, size));
  while (changes.length < changesOf(policy)) changes.push({ kind: "identity" });
  return {
    ...place,
    changes,
    covers: [
      ...(strength > 0 ? [strongCut(strength, source, size)] : []),
      ...cutout(policy.cutout, source, size),
      ...erasing(policy.erasing, source, size),
    ],
    noiseKey: hasFill(policy, "noise") ? draw(source, DRAW.noise)[0] : 0,
  };
}
