import { calibrated } from "../classifier/mod.ts";
import {
  type AucFigures,
  aucFigures,
  calibrate,
  evaluateConfidences,
} from "../evaluation/mod.ts";
import type { Context } from "./context.ts";
import type { PhaseSummary } from "./engine.ts";
import { evaluationLine } from "./evaluation_line.ts";
import { type EvaluationResult, Evaluator } from "./evaluator.ts";
import type { PhaseMetrics } from "./phase_metrics.ts";
import { type Recipe, shippedValues } from "./recipe.ts";
import { writeResults } from "./results.ts";
import { knownFeatures, writeSuspectedLabels } from "./suspected_labels.ts";
import type { Best } from "./selection.ts";
import { isTeacher } from "./teachers.ts";

/** Bytes in one unit of the first float of a peak. */
const PEAK_UNIT = 1 << 20;

/** Takes the best model of a phase, tests it once and tells the phase's figures. */
export async function conclude(
  context: Context,
  recipe: Recipe,
  { best, step, ended, seconds, metrics, onBatch }: {
    best: Best | undefined;
    /** Steps that were done. */
    step: number;
    /** Why there are no more of them. */
    ended: { stopped: string } | { refused: string } | undefined;
    seconds: number;
    metrics: PhaseMetrics;
    onBatch: () => void;
  },
): Promise<PhaseSummary> {
  const { evaluated, classifies, imagesPerStep } = recipe;
  if (best) evaluated.parameters.writeAll(best.values);
  const summary: PhaseSummary = {
    steps: step,
    ...ended,
    images: step * imagesPerStep,
    seconds,
    images_per_second: step * imagesPerStep / seconds,
    parameters: [...(await shippedValues(recipe)).values()]
      .reduce((sum, value) => sum + value.data.length, 0),
  };
  if (best) {
    summary.val_accuracy = best.accuracy;
    summary.best_step = best.step;
  }
  if (recipe.conclude) Object.assign(summary, await recipe.conclude());
  if (classifies) {
    const calibration = best && await calibrateBest(context, recipe, onBatch);
    Object.assign(summary, calibration);
    const { temperature } = summary;
    Object.assign(
      summary,
      await test(context, recipe, { step, metrics, onBatch, temperature }),
    );
  }
  summary.peak_gpu_bytes = await gatherPeaks(context);
  return summary;
}

/** Allocates what {@linkcode conclude} does, on a device that only counts. */
export function rehearseConclusion(context: Context, recipe: Recipe): void {
  const parts = context.split.validation.length > 0
    ? ["validation", "test"] as const
    : ["test"] as const;
  for (const part of parts) {
    evaluatorOf(context, recipe, { part, onBatch: () => {} })[Symbol.dispose]();
  }
  if (!isTeacher(recipe.phase)) {
    knownFeatures(context, recipe, () => {})?.[Symbol.dispose]();
  }
}

/** Evaluates the chosen model. */
function evaluatorOf(
  context: Context,
  { evaluated, input, feature }: Recipe,
  { part, onBatch }: { part: "validation" | "test"; onBatch: () => void },
): Evaluator {
  return new Evaluator(context, {
    model: evaluated,
    input,
    feature,
    part,
    onBatch,
  });
}

/** Finds the temperature of the chosen model by the validation images. */
async function calibrateBest(
  context: Context,
  recipe: Recipe,
  onBatch: () => void,
): Promise<Record<string, number>> {
  using evaluator = evaluatorOf(context, recipe, {
    part: "validation",
    onBatch,
  });
  const { logits, labels, classes, ece15 } = await evaluator.run();
  const { temperature, low, high } = calibrate(logits, labels, classes);
  const after = evaluateConfidences(
    calibrated(logits, temperature),
    labels,
    classes,
  );
  return {
    temperature,
    temperature_low: low,
    temperature_high: high,
    val_images: labels.length,
    val_ece: ece15,
    val_ece_calibrated: after.ece15,
  };
}

/** Frees its memory before anything else is evaluated. */
async function testOnce(
  context: Context,
  recipe: Recipe,
  onBatch: () => void,
): Promise<EvaluationResult> {
  using evaluator = evaluatorOf(context, recipe, { part: "test", onBatch });
  return await evaluator.run();
}

async function test(
  context: Context,
  recipe: Recipe,
  { step, metrics, onBatch, temperature }: {
    step: number;
    metrics: PhaseMetrics;
    onBatch: () => void;
    temperature: number | undefined;
  },
): Promise<Record<string, unknown>> {
  const { communicator } = context;
  const { phase } = recipe;
  const result = await testOnce(context, recipe, onBatch);
  const { probabilities, labels, classes } = result;
  const auc = aucFigures(probabilities, labels, classes);
  await metrics.add(evaluationLine(recipe, { step, split: "test", result }));
  const after = temperature === undefined ? undefined : evaluateConfidences(
    calibrated(result.logits, temperature),
    result.labels,
    result.classes,
  );
  const comparison = communicator.rank === 0
    ? await writeResults(context, recipe, {
      result,
      auc,
      calibrated: after,
      onBatch,
    })
    : {};
  if (!isTeacher(phase)) {
    const { probabilities } = after ?? result;
    await writeSuspectedLabels(context, recipe, {
      test: { probabilities, labels: result.labels },
      onBatch,
    });
  }
  return {
    test_images: result.count,
    test_accuracy: result.accuracy,
    test_top5: result.topK[Math.min(5, result.classes)],
    test_macro_f1: result.f1.macro,
    test_loss: result.nll,
    ...areas(auc),
    test_ece: result.ece15,
    reliability: result.reliability,
    ...(after === undefined ? {} : {
      test_loss_calibrated: after.nll,
      test_ece_calibrated: after.ece15,
      reliability_calibrated: after.reliability,
    }),
    ...comparison,
  };
}

/** Areas under the ROC curves, where they are defined: JSON has no NaN. */
function areas({ macro, micro }: AucFigures): Record<string, number> {
  return {
    ...(Number.isNaN(macro) ? {} : { test_auc_macro: macro }),
    ...(Number.isNaN(micro) ? {} : { test_auc_micro: micro }),
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
