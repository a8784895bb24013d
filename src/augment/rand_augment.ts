import type { Change } from "../ops/mod.ts";
import { multiplyHigh, uniform01 } from "../random.ts";
import { around, centreOf, type Linear, rotation } from "./affine.ts";
import { between, DRAW, draw, type DrawSource, normal } from "./draws.ts";
import type { Size } from "./placement.ts";
import type { ViewPolicy } from "./policy.ts";

/** Weights of the gray value: ITU-R BT.601, as Pillow's. */
export const LUMA = [0.299, 0.587, 0.114] as const;

const BLACK = [0, 0, 0] as const;
/** ImageNet's mean colour. */
const MEAN = [0.485, 0.456, 0.406] as const;
/** Largest magnitude. */
const FULL = 10;

const PLAIN = {
  brightness: 1,
  contrast: 1,
  saturation: 1,
  hue: 0,
  pivot: LUMA,
} as const;

/** An operation's ingredients: level 0..1, a random sign, the view's size. */
interface Level {
  level: number;
  sign: 1 | -1;
  size: Size;
}

type Operation = (level: Level) => Change;

function enhance(
  key: "brightness" | "contrast" | "saturation",
  factor: (level: Level) => number,
): Operation {
  return (level) => ({
    kind: "colour",
    colour: { ...PLAIN, [key]: factor(level) },
  });
}

function sharpness(factor: (level: Level) => number): Operation {
  return (level) => ({ kind: "sharpness", factor: factor(level) });
}

interface Ranges {
  fill: readonly [number, number, number];
  /** Largest translation, of the image's side. */
  translation: number;
}

function moves({ fill, translation }: Ranges): Operation[] {
  const move = (
    linear: (amount: number) => Linear,
    options: {
      most: number;
      x?: number;
      y?: number;
      corner?: boolean;
    },
  ): Operation =>
  ({ level, sign, size }) => {
    const amount = sign * level * options.most;
    // Shears leave the upper left corner in place, as Pillow's transform does.
    const fixed = options.corner ? { x: -0.5, y: -0.5 } : centreOf(size);
    const affine = around(linear(amount), fixed, {
      x: (options.x ?? 0) * amount * size.width,
      y: (options.y ?? 0) * amount * size.height,
    });
    return { kind: "move", colour: PLAIN, affine, fill };
  };
  const still: Linear = { xx: 1, xy: 0, yx: 0, yy: 1 };
  return [
    move(rotation, { most: Math.PI / 6 }),
    move((v) => ({ ...still, xy: v }), { most: 0.3, corner: true }),
    move((v) => ({ ...still, yx: v }), { most: 0.3, corner: true }),
    move(() => still, { most: translation, x: 1 }),
    move(() => still, { most: translation, y: 1 }),
  ];
}

/** FixMatch (Sohn et al. 2020, table 12): factors of 0.05 to 0.95, black outside. */
function fixmatchSet(): Operation[] {
  const factor = ({ level }: Level) => 0.05 + 0.9 * level;
  return [
    () => ({ kind: "identity" }),
    () => ({ kind: "autoContrast" }),
    () => ({ kind: "equalize" }),
    enhance("brightness", factor),
    enhance("contrast", factor),
    enhance("saturation", factor),
    sharpness(factor),
    ({ level }) => ({ kind: "posterize", amount: 4 + Math.floor(4 * level) }),
    ({ level }) => ({
      kind: "solarize",
      amount: 256 - Math.floor(256 * level),
    }),
    ...moves({ fill: BLACK, translation: 0.3 }),
  ];
}

/** DeiT's "increasing" set (rand-m9-mstd0.5-inc1): every operation is stronger at a higher level. */
function deitSet(): Operation[] {
  const factor = ({ level, sign }: Level) => 1 + sign * 0.9 * level;
  return [
    () => ({ kind: "autoContrast" }),
    () => ({ kind: "equalize" }),
    () => ({ kind: "invert" }),
    enhance("brightness", factor),
    enhance("contrast", factor),
    enhance("saturation", factor),
    sharpness(factor),
    ({ level }) => ({ kind: "posterize", amount: 4 - Math.floor(4 * level) }),
    ({ level }) => ({
      kind: "solarize",
      amount: 256 - Math.floor(256 * level),
    }),
    ({ level }) => ({ kind: "solarizeAdd", amount: Math.floor(110 * level) }),
    ...moves({ fill: MEAN, translation: 0.45 }),
  ];
}

const SETS = { fixmatch: fixmatchSet(), deit: deitSet() };

/** The operations of one view, in order. */
export function randAugment(
  options: ViewPolicy["randAugment"],
  source: DrawSource,
  size: Size,
): Change[] {
  const { operations, magnitude, spread, deviation, probability, set } =
    options;
  const choices = SETS[set];
  return Array.from({ length: operations }, (_, i) => {
    const words = draw(source, DRAW.operation + 2 * i);
    const more = draw(source, DRAW.operation + 2 * i + 1);
    if (uniform01(words[0]) >= probability) return { kind: "identity" };
    const drawn = spread === "uniform"
      ? between(more[0], 0, magnitude)
      : magnitude + deviation * normal(more[0], more[1]);
    const level = Math.min(Math.max(drawn, 0), FULL) / FULL;
    const sign = words[2] % 2 === 0 ? 1 : -1;
    const operation = choices[multiplyHigh(words[1], choices.length)]!;
    return operation({ level, sign, size });
  });
}
