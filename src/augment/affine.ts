import type { Affine } from "../ops/mod.ts";
import type { Size } from "./placement.ts";

/** A linear map of directions: `x' = xx x + xy y`, `y' = yx x + yy y`. */
export type Linear = Pick<Affine, "xx" | "xy" | "yx" | "yy">;

/** A place in pixels; whole numbers are centres of pixels. */
export interface Point {
  x: number;
  y: number;
}

/** A linear map that leaves `fixed` in place, then a shift. */
export function around(
  linear: Linear,
  fixed: Point,
  shift: Point = { x: 0, y: 0 },
): Affine {
  const { xx, xy, yx, yy } = linear;
  return {
    ...linear,
    x0: fixed.x - xx * fixed.x - xy * fixed.y + shift.x,
    y0: fixed.y - yx * fixed.x - yy * fixed.y + shift.y,
  };
}

/** Turns by an angle in radians. */
export function rotation(angle: number): Linear {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return { xx: cos, xy: -sin, yx: sin, yy: cos };
}

/** `first` after `second`. */
export function compose(first: Affine, second: Affine): Affine {
  return {
    xx: first.xx * second.xx + first.xy * second.yx,
    xy: first.xx * second.xy + first.xy * second.yy,
    yx: first.yx * second.xx + first.yy * second.yx,
    yy: first.yx * second.xy + first.yy * second.yy,
    x0: first.xx * second.x0 + first.xy * second.y0 + first.x0,
    y0: first.yx * second.x0 + first.yy * second.y0 + first.y0,
  };
}

export function centreOf({ height, width }: Size): Point {
  return { x: (width - 1) / 2, y: (height - 1) / 2 };
}
