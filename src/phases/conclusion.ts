import { RunFolder } from "../run/mod.ts";
import type { Context } from "./context.ts";
import type { PhaseSummary } from "./engine.ts";
import { writeEvaluation } from "./evaluation_line.ts";
import { Evaluator } from "./evaluator.ts";
import type { Recipe } from "./recipe.ts";
import { writeResults } from "./results.ts";
import type { Best } from "./selection.ts";

/** Bytes in one unit of the first float of a peak. */
const PEAK_UNIT = 1 << 20;

/** Takes the best model of a phase, tests it once and tells the phase's figures. */
export async function conclude(
  context: Context,
  recipe: Recipe,
  { best, seconds, onBatch }: {
    best: Best | undefined;
    seconds: number;
    onBatch: () => void;
  },
): Promise<PhaseSummary> {
  const { evaluated, classifies, steps, imagesPerStep } = recipe;
  if (best) evaluated.parameters.writeAll(best.values);
  const summary: PhaseSummary = {
    steps,
    images: steps * imagesPerStep,
    seconds,
    images_per_second: steps * imagesPerStep / seconds,
    parameters: [...(await evaluated.parameters.read()).values()]
      .reduce((sum, value) => sum + value.data.length, 0),
  };
  if (best) {
    summary.val_accuracy = best.accuracy;
    summary.best_step = best.step;
  }
  if (recipe.conclude) Object.assign(summary, await recipe.conclude());
  if (classifies) {
    Object.assign(summary, await test(context, recipe, onBatch));
  }
  summary.peak_gpu_bytes = await gatherPeaks(context);
  return summary;
}

/** Evaluates the chosen model on the test part. */
export function testEvaluator(
  context: Context,
  { evaluated, input, feature }: Recipe,
  onBatch: () => void,
): Evaluator {
  return new Evaluator(context, {
    model: evaluated,
    input,
    feature,
    part: "test",
    onBatch,
  });
}

async function test(
  context: Context,
  recipe: Recipe,
  onBatch: () => void,
): Promise<Record<string, unknown>> {
  const { communicator, data, split, env, runFolder } = context;
  const { phase, steps } = recipe;
  using evaluator = testEvaluator(context, recipe, onBatch);
  const result = await evaluator.run();
  await writeEvaluation(context, recipe, {
    step: steps,
    split: "test",
    result,
  });
  if (communicator.rank === 0) {
    await writeResults(new RunFolder(env.disk, runFolder), {
      phase,
      classNames: data.classNames,
      indices: split.test,
      result,
    });
  }
  return {
    test_accuracy: result.accuracy,
    test_macro_f1: result.f1.macro,
    test_loss: result.nll,
    test_ece: result.ece15,
    reliability: result.reliability,
  };
}

/** Most bytes that each rank's GPU held during the phase. */
async function gatherPeaks(
  { communicator, device }: Context,
): Promise<number[]> {
  const { rank, size } = communicator;
  // In two floats a rank, since one holds whole numbers up to 2^24 only.
  const peaks = communicator.allocate(2 * size);
  const { peakBytes } = device.memory;
  peaks[2 * rank] = Math.floor(peakBytes / PEAK_UNIT);
  peaks[2 * rank + 1] = peakBytes % PEAK_UNIT;
  await communicator.allGather(
    peaks,
    Array.from({ length: size + 1 }, (_, r) => 2 * r),
  );
  return Array.from(
    { length: size },
    (_, r) => peaks[2 * r]! * PEAK_UNIT + peaks[2 * r + 1]!,
  );
}
