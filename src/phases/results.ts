import type { RunFolder } from "../run/mod.ts";
import type { EvaluationResult } from "./evaluator.ts";

/**
 * Writes a phase's confusion matrix and predictions on the test split. The
 * coordinator makes those of the shipped phase `confusion.csv` and
 * `predictions.csv`.
 */
export async function writeResults(
  run: RunFolder,
  options: {
    phase: string;
    classNames: readonly string[];
    /** Index of each row in the test part of the data. */
    indices: Int32Array;
    result: EvaluationResult;
  },
): Promise<void> {
  const { phase, classNames, indices, result } = options;
  await run.writeConfusion(
    classNames,
    result.confusion,
    `confusion_${phase}.csv`,
  );
  const classes = classNames.length;
  const rows = [...result.labels].map((label, i) => {
    const prediction = result.predictions[i]!;
    const confidence = result.probabilities[i * classes + prediction]!;
    return [indices[i]!, label, prediction, confidence.toFixed(6)];
  });
  await run.writeTable(`predictions_${phase}.csv`, [
    "index",
    "label",
    "prediction",
    "confidence",
  ], rows);
}
