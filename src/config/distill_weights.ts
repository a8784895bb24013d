import type { Config } from "./schema.ts";

type Distill = Config["phases"]["distill"];

/** Losses of distillation, by the keys of their weights. */
export const DISTILL_LOSSES = [
  "labels",
  "hard",
  "soft",
  "feature",
  "attention",
  "relationalDistance",
  "relationalAngle",
] as const;
export type DistillLoss = typeof DISTILL_LOSSES[number];

/** Value of a weight, or of the temperature, at the end of the phase. */
export function finalValue(
  distill: Distill,
  key: DistillLoss | "temperature",
): number {
  const end = distill.end[key];
  return end === "same" ? distill[key] : end;
}

/** Whether the loss has a weight at any time of the phase. */
export function usesLoss(distill: Distill, loss: DistillLoss): boolean {
  return distill[loss] > 0 || finalValue(distill, loss) > 0;
}
