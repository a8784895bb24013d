import * as z from "zod";
import { count, flag } from "../values/schema.ts";

const transformer = {
  patch: count(8, { min: 1, max: 256 }).describe("patch size, pixels"),
  dim: count(64, { min: 1, max: 8192 }).describe("width of a token"),
  depth: count(3, { min: 1, max: 128 }).describe("number of blocks"),
  heads: count(4, { min: 1, max: 256 }).describe(
    "attention heads; must divide dim",
  ),
  weights: z.string().min(1).optional().describe(
    "safetensors file with timm or Hugging Face names to start from",
  ),
};

export const normalise = z.enum(["imagenet", "half", "dataset", "image"]);

const feature = z.enum(["class", "mean", "both"]);

export const teacher = z.strictObject({
  ...transformer,
  normalise: normalise.optional().describe(
    "normalisation the loaded weights expect; absent = data.normalise",
  ),
}).prefault({}).describe("model that the student learns from");

export const student = z.strictObject({
  ...transformer,
  distilled: flag(true).describe("distillation token and second head (DeiT)"),
  feature: feature.default("both").describe(
    "what heads and relational losses see: class token, mean of the patch tokens, or half of each",
  ),
  dropPath: z.number().min(0).lt(1).default(0).describe(
    "largest probability of skipping a residual branch (drop-path, rises with depth): published 0.1 from scratch, 0.2 in fine-tuning",
  ),
  dropout: z.number().min(0).lt(1).default(0).describe(
    "probability of dropping an activation",
  ),
  head: z.enum(["linear", "mlp"]).default("linear").describe(
    "linear layer, or an MLP with ReLU and dropout; applies to both heads of a distilled student",
  ),
  headHidden: z.array(z.int().min(1).max(65_536)).min(1).max(8)
    .default([128, 64]).describe("mlp: widths of the hidden layers"),
  headDropout: z.number().min(0).lt(1).default(0.5).describe(
    "mlp: probability of dropping a hidden value",
  ),
}).prefault({}).describe("model that is shipped");

const further = {
  patch: transformer.patch.unwrap().optional().describe("patch size, pixels"),
  dim: transformer.dim.unwrap().optional().describe("width of a token"),
  depth: transformer.depth.unwrap().optional().describe("number of blocks"),
  heads: transformer.heads.unwrap().optional().describe("attention heads"),
  distilled: z.boolean().optional().describe(
    "distillation token and second head",
  ),
  feature: feature.default("class").describe(
    "what the heads of loaded weights see",
  ),
  normalise: normalise.optional().describe("normalisation the weights expect"),
};

const file = z.string().min(1);

/** Models beside the student. */
export const voters = z.array(
  z.strictObject({
    weights: file.describe("safetensors file with timm or Hugging Face names"),
    ...further,
  }),
).default([]);

/** Models beside the teacher. */
export const teachers = z.array(
  z.strictObject({
    weights: file.optional().describe(
      "safetensors file with timm or Hugging Face names; absent = trained in this run like the teacher, in a phase of its own (teacher2 to teacher4)",
    ),
    ...further,
  }),
).default([]);
