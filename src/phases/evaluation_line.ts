import { RunFolder } from "../run/mod.ts";
import type { Context } from "./context.ts";
import type { EvaluationResult } from "./evaluator.ts";
import type { Recipe } from "./recipe.ts";

/** Appends an evaluation after `step` steps to `metrics.jsonl`, on rank 0. */
export async function writeEvaluation(
  { communicator, env, runFolder }: Context,
  { phase, imagesPerStep, epochImages }: Recipe,
  { step, split, result }: {
    step: number;
    split: "validation" | "test";
    result: EvaluationResult;
  },
): Promise<void> {
  if (communicator.rank !== 0) return;
  await new RunFolder(env.disk, runFolder).appendMetrics({
    time: env.clock.wall(),
    phase,
    step,
    epoch: step * imagesPerStep / epochImages,
    split,
    loss: result.nll,
    accuracy: result.accuracy,
    macro_precision: result.precision.macro,
    macro_recall: result.recall.macro,
    macro_f1: result.f1.macro,
  });
}
