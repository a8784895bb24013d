/** A rectangle of pixels; `right` and `bottom` are outside. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** What is laid over a part of a view: a gray of 0..1, noise, or the image's mean. */
export interface Cover {
  box: Box;
  fill: number | "noise" | "mean";
}

/** Changes of colours: brightness, contrast around `pivot` times the channels' means, saturation, hue. */
export interface Colour {
  brightness: number;
  contrast: number;
  saturation: number;
  /** In turns of the colour circle. */
  hue: number;
  pivot: readonly [number, number, number];
}

/** Place in the image of each pixel: `x' = xx x + xy y + x0`, `y' = yx x + yy y + y0`. */
export interface Affine {
  xx: number;
  xy: number;
  yx: number;
  yy: number;
  x0: number;
  y0: number;
}

/** One step of a strong view; formulas in `augment_tables.wgsl` and `augment_change.wgsl`. */
export type Change =
  | { kind: "identity" | "autoContrast" | "equalize" | "invert" }
  /** From `amount` on, of 0..256. */
  | { kind: "solarize"; amount: number }
  /** Added to bytes below 128. */
  | { kind: "solarizeAdd"; amount: number }
  /** Bits kept, 0..8. */
  | { kind: "posterize"; amount: number }
  | { kind: "sharpness"; factor: number }
  | { kind: "colour"; colour: Colour }
  | {
    kind: "move";
    colour: Colour;
    affine: Affine;
    /** Outside the image. */
    fill: readonly [number, number, number];
  };

/** Everything that happens to the image of one row. */
export interface ViewPlan {
  /** Part of the stored image that becomes the view. */
  crop: Box;
  shiftX: number;
  shiftY: number;
  mirrored: boolean;
  /** One for each change of the batch's views. */
  changes: readonly Change[];
  /** At most {@linkcode MAX_COVERS}; later ones lie on top. */
  covers: readonly Cover[];
  /** Chooses the noise. */
  noiseKey: number;
}

export const MAX_COVERS = 3;

/** Words of placement and covers, and of one change; read by `common/view_plan.wgsl`. */
const PLACEMENT_WORDS = 24;
const CHANGE_WORDS = 20;

const CODES: Record<Change["kind"], number> = {
  identity: 0,
  autoContrast: 1,
  equalize: 2,
  invert: 3,
  solarize: 4,
  solarizeAdd: 5,
  posterize: 6,
  sharpness: 7,
  colour: 8,
  move: 9,
};

const FILLS = { noise: -1, mean: -2 } as const;

/** Words of one row's record. */
export function planStride(changes: number): number {
  return PLACEMENT_WORDS + changes * CHANGE_WORDS;
}

/** First word of a change in a row's record. */
export function changeOffset(change: number): number {
  return PLACEMENT_WORDS + change * CHANGE_WORDS;
}

/** Writes a row's record into `words` from `at` on. */
export function packPlan(
  plan: ViewPlan,
  words: Uint32Array<ArrayBuffer>,
  at: number,
): void {
  const floats = new Float32Array(words.buffer);
  const { crop, covers, changes } = plan;
  words.set([
    plan.shiftX,
    plan.shiftY,
    plan.mirrored ? 1 : 0,
    plan.noiseKey,
    crop.left,
    crop.top,
    crop.right - crop.left,
    crop.bottom - crop.top,
  ], at);
  for (let i = 0; i < MAX_COVERS; i++) {
    const cover = covers[i];
    const { left, top, right, bottom } = cover?.box ?? NOTHING;
    const fill = cover?.fill ?? 0;
    words.set([left, top, right, bottom], at + 8 + 5 * i);
    floats[at + 12 + 5 * i] = typeof fill === "number" ? fill : FILLS[fill];
  }
  const means = covers.some(({ fill }) => fill === "mean");
  changes.forEach((change, i) => {
    const last = i === changes.length - 1;
    packChange(change, words, {
      at: at + changeOffset(i),
      means: means && last,
    });
  });
}

const NOTHING: Box = { left: 0, top: 0, right: 0, bottom: 0 };

function packChange(
  change: Change,
  words: Uint32Array<ArrayBuffer>,
  { at, means }: { at: number; means: boolean },
): void {
  const floats = new Float32Array(words.buffer);
  words.fill(0, at, at + CHANGE_WORDS);
  words[at] = CODES[change.kind];
  let counted = means;
  if ("amount" in change) words[at + 1] = change.amount;
  if ("factor" in change) floats[at + 2] = change.factor;
  if ("colour" in change) {
    const { brightness, contrast, saturation, hue, pivot } = change.colour;
    floats[at + 3] = hue;
    floats.set([brightness, contrast, saturation, ...pivot], at + 10);
    counted ||= contrast !== 1;
  }
  if (change.kind === "move") {
    const { xx, xy, yx, yy, x0, y0 } = change.affine;
    floats.set([xx, xy, yx, yy, x0, y0], at + 4);
    floats.set(change.fill, at + 16);
  }
  words[at + 19] = counted ? 1 : 0;
}
