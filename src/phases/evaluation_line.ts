import type { MetricsLine } from "../run/mod.ts";
import type { EvaluationResult } from "./evaluator.ts";
import type { Recipe } from "./recipe.ts";

/** An evaluation after `step` steps as a line of `metrics.jsonl`. */
export function evaluationLine(
  { phase, imagesPerStep, epochImages }: Recipe,
  { step, split, result }: {
    step: number;
    split: "validation" | "test";
    result: EvaluationResult;
  },
): Omit<MetricsLine, "time"> {
  return {
    phase,
    step,
    epoch: step * imagesPerStep / epochImages,
    split,
    loss: result.nll,
    accuracy: result.accuracy,
    macro_precision: result.precision.macro,
    macro_recall: result.recall.macro,
    macro_f1: result.f1.macro,
  };
}
