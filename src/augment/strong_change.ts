import type { Change, Cover, ViewPlan } from "../ops/mod.ts";
import { multiplyHigh, uniform01 } from "../random.ts";
import { around, centreOf, compose, rotation } from "./affine.ts";
import { DRAW, draw, type DrawSource } from "./draws.ts";
import type { Size } from "./placement.ts";

const MAX_ROTATION = Math.PI / 6;
const MAX_SHEAR = 0.2;
/** Of the image's side. */
const MAX_TRANSLATION = 0.125;
const MAX_COLOUR = 0.5;

/**
 * Rotation, shear, translation, brightness, contrast and saturation at once, each
 * uniform up to `strength` times its largest value.
 */
export function strongChange(
  strength: number,
  source: DrawSource,
  { size, place }: {
    size: Size;
    place: Pick<ViewPlan, "shiftX" | "shiftY" | "mirrored">;
  },
): Change {
  const affine = draw(source, DRAW.affine);
  const shift = draw(source, DRAW.shift);
  const signed = (word: number) => (2 * uniform01(word) - 1) * strength;
  const turn = rotation(signed(affine[0]) * MAX_ROTATION);
  const shearX = signed(affine[1]) * MAX_SHEAR;
  const shearY = signed(affine[2]) * MAX_SHEAR;
  const linear = {
    xx: turn.xx + turn.xy * shearY,
    xy: turn.xx * shearX + turn.xy,
    yx: turn.yx + turn.yy * shearY,
    yy: turn.yx * shearX + turn.yy,
  };
  const inImage = around(linear, centreOf(size), {
    x: signed(shift[0]) * MAX_TRANSLATION * size.width,
    y: signed(shift[1]) * MAX_TRANSLATION * size.height,
  });
  // The map acts on places of the image, the change on places of the view.
  const sign = place.mirrored ? -1 : 1;
  const last = place.mirrored ? size.width - 1 : 0;
  const diagonal = { xx: sign, xy: 0, yx: 0, yy: 1 };
  const toImage = { ...diagonal, x0: last + place.shiftX, y0: place.shiftY };
  const toView = {
    ...diagonal,
    x0: last - sign * place.shiftX,
    y0: -place.shiftY,
  };
  return {
    kind: "move",
    affine: compose(toView, compose(inImage, toImage)),
    fill: [0, 0, 0],
    colour: {
      brightness: 1 + MAX_COLOUR * signed(shift[2]),
      contrast: 1 + MAX_COLOUR * signed(shift[3]),
      saturation: 1 + MAX_COLOUR * signed(affine[3]),
      hue: 0,
      pivot: [1 / 3, 1 / 3, 1 / 3],
    },
  };
}

/** The square that belongs to it, up to half of the shorter side. */
export function strongCut(
  strength: number,
  source: DrawSource,
  { height, width }: Size,
): Cover {
  const words = draw(source, DRAW.cut);
  const largest = Math.floor(Math.min(width, height) * strength / 2);
  const side = multiplyHigh(words[0], largest + 1);
  const left = multiplyHigh(words[1], width) - (side >> 1);
  const top = multiplyHigh(words[2], height) - (side >> 1);
  return {
    box: { left, top, right: left + side, bottom: top + side },
    fill: "mean",
  };
}
