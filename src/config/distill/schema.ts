import * as z from "zod";
import { phase } from "../phase/schema.ts";
import { weight } from "../values/schema.ts";

const temperature = z.number().positive();

function later(what: string, value = z.number().min(0)) {
  return z.union([z.literal("same"), value]).default("same").describe(what);
}

export const distill = z.strictObject({
  ...phase(40_000, 1e-3),
  labels: weight(0).describe(
    "weight of cross-entropy with true labels; 0 = no labels used",
  ),
  hard: weight(0).describe("weight of the teacher's top class"),
  soft: weight(0).describe("weight of the teacher's softened probabilities"),
  softDivisor: z.enum(["batch", "numel"]).default("batch").describe(
    "soft: mean over images, or over images and classes as DeiT does",
  ),
  feature: weight(0).describe("weight of the squared difference of tokens"),
  featureAlign: z.enum(["pool", "projection"]).default("pool").describe(
    "feature: the teacher's tokens are averaged to the student's width, or a linear layer that is learned with the student brings the student's to the teacher's",
  ),
  attention: weight(0).describe(
    "weight of the divergence between where the class tokens look in the last block; needs equal patches",
  ),
  relationalDistance: weight(25).describe("weight of RKD distances"),
  relationalAngle: weight(50).describe("weight of RKD angles"),
  temperature: temperature.default(3).describe("softmax temperature of soft"),
  end: z.strictObject({
    labels: later("of labels"),
    hard: later("of hard"),
    soft: later("of soft"),
    feature: later("of feature"),
    attention: later("of attention"),
    relationalDistance: later("of relationalDistance"),
    relationalAngle: later("of relationalAngle"),
    temperature: later("of temperature", temperature),
  }).prefault({}).describe(
    "values at the end of the phase, reached in equal steps; same = constant",
  ),
  combine: z.enum(["mean", "vote"]).default("mean").describe(
    "several teachers: mean of their probabilities, or share of those that vote for a class; other losses are means over the teachers",
  ),
  cacheTeacher: z.enum(["auto", "off"]).default("auto").describe(
    "auto: the teacher runs once on each image and its outputs are kept on disk, where views are not augmented and the phase sees every image",
  ),
}).prefault({}).describe("teacher to student");
