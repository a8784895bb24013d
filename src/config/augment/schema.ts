import * as z from "zod";
import { count, flag, fraction, weight } from "../values/schema.ts";

const fill = z.enum(["gray", "black", "mean", "noise"]);

/** Changes of a view after its placement. */
export const changes = {
  colourJitter: z.strictObject({
    brightness: weight(0).describe("factor of 1 ± this"),
    contrast: weight(0).describe("factor of 1 ± this, around the gray mean"),
    saturation: weight(0).describe("factor of 1 ± this"),
    hue: z.number().min(0).max(0.5).default(0).describe(
      "turn of up to ± this part of the colour circle",
    ),
  }).prefault({}).describe("random colours; 0 = off"),
  randAugment: z.strictObject({
    operations: count(0, { max: 8 }).describe(
      "random operations one after the other; 0 = off",
    ),
    set: z.enum(["fixmatch", "deit"]).default("fixmatch").describe(
      "operations and their ranges: FixMatch's 14, or DeiT's 15 that grow with the magnitude",
    ),
    magnitude: z.number().min(0).max(10).default(9).describe(
      "strength of an operation, 0..10",
    ),
    spread: z.enum(["normal", "uniform"]).default("normal").describe(
      "magnitude of one operation: near magnitude, or anything from 0 to it",
    ),
    deviation: weight(0.5).describe("normal: deviation of the magnitude"),
    probability: fraction(1).describe("chance that an operation is applied"),
  }).prefault({}).describe("RandAugment"),
  cutout: z.strictObject({
    probability: fraction(0).describe("chance of a square; 0 = off"),
    minSide: fraction(0.5).describe("smallest side, of the image's side"),
    maxSide: fraction(0.5).describe("largest side, of the image's side"),
    fill: fill.default("gray").describe("what the square holds"),
  }).prefault({}).describe("square anywhere, also beyond the border"),
  erasing: z.strictObject({
    probability: fraction(0).describe("chance of a rectangle; 0 = off"),
    minArea: fraction(0.02).describe("smallest area, of the image's"),
    maxArea: fraction(0.33).describe("largest area, of the image's"),
    minRatio: z.number().gt(0).max(1).default(0.3).describe(
      "shorter / longer side at the least",
    ),
    fill: fill.default("noise").describe("what the rectangle holds"),
  }).prefault({}).describe("random erasing, inside the image"),
};

/** Random views of a phase, and how they are mixed. */
export const augment = z.strictObject({
  border: z.enum(["zero", "reflect"]).default("zero").describe(
    "what data.padding brings in from outside",
  ),
  resizedCrop: z.strictObject({
    enabled: flag(false).describe("whether views are random parts, resized"),
    minScale: z.number().gt(0).max(1).default(0.08).describe(
      "smallest area, of the image's",
    ),
    maxScale: z.number().gt(0).max(1).default(1).describe(
      "largest area, of the image's",
    ),
    minRatio: z.number().gt(0).default(0.75).describe("least width / height"),
    maxRatio: z.number().gt(0).default(4 / 3).describe(
      "greatest width / height",
    ),
  }).prefault({}).describe("random resized crop"),
  ...changes,
  mixup: weight(0).describe(
    "mixup: alpha of Beta(alpha, alpha), the share of each image; 0 = off",
  ),
  cutmix: weight(0).describe(
    "CutMix: alpha of Beta(alpha, alpha), the share of the area; 0 = off",
  ),
  mixProbability: fraction(1).describe("chance that images are mixed"),
  switchProbability: fraction(0.5).describe(
    "chance of CutMix where mixup and cutmix are both on",
  ),
  mixPer: z.enum(["batch", "image"]).default("batch").describe(
    "one share for the whole batch, or one for each image",
  ),
});

/** The same for one phase alone. */
export const ownAugment = augment.optional().describe(
  "used instead of data.augment in this phase",
);
