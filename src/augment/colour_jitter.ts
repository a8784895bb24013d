import type { Change } from "../ops/mod.ts";
import { between, DRAW, draw, type DrawSource } from "./draws.ts";
import type { ViewPolicy } from "./policy.ts";
import { LUMA } from "./rand_augment.ts";

/**
 * Brightness, contrast around the gray mean, saturation and hue, in this order;
 * factors are uniform in 1 ± amount, the hue turns by up to ± amount of a circle.
 */
export function colourJitter(
  options: ViewPolicy["colourJitter"],
  source: DrawSource,
): Change {
  const words = draw(source, DRAW.jitter);
  const factor = (word: number, amount: number) =>
    between(word, Math.max(0, 1 - amount), 1 + amount);
  const brightness = factor(words[0], options.brightness);
  const [red, green, blue] = LUMA;
  return {
    kind: "colour",
    colour: {
      brightness,
      contrast: factor(words[1], options.contrast),
      saturation: factor(words[2], options.saturation),
      hue: between(words[3], -options.hue, options.hue),
      // Of the brightened image.
      pivot: [red * brightness, green * brightness, blue * brightness],
    },
  };
}
