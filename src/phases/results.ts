import {
  argmaxRows,
  type AucFigures,
  type Confidences,
  ROC_GRID,
  rocCurves,
  totalVariation,
} from "../evaluation/mod.ts";
import {
  float32Tensor,
  readSafetensorsFile,
  RunFolder,
  toFloat32,
  writePredictions,
  writeSafetensors,
} from "../run/mod.ts";
import type { Context } from "./context.ts";
import { writeDuplicates } from "./duplicates.ts";
import type { EvaluationResult } from "./evaluator.ts";
import { pixelFloor } from "./pixel_floor.ts";
import { isTeacher } from "./teachers.ts";
import type { Recipe } from "./recipe.ts";

/**
 * Writes what a phase's model does on the test split: confusion matrix,
 * predictions, ROC curves, and the logits for whoever wants more. The coordinator
 * makes the tables of the shipped phase `confusion.csv` and `predictions.csv`.
 *
 * @returns Figures that compare the model with the teacher, where there is one.
 */
export async function writeResults(
  context: Context,
  { phase }: Recipe,
  { result, auc, calibrated, onBatch }: {
    result: EvaluationResult;
    auc: AucFigures;
    /** Its confidences, calibrated. */
    calibrated: Confidences | undefined;
    /** Called now and then: rank 0 is at work. */
    onBatch: () => void;
  },
): Promise<Record<string, number>> {
  const { env, runFolder, data, split } = context;
  const { classNames } = data;
  const run = new RunFolder(env.disk, runFolder);
  await run.writeConfusion(
    classNames,
    result.confusion,
    `confusion_${phase}.csv`,
  );
  const { classes, labels, predictions, logits } = result;
  const { probabilities } = calibrated ?? result;
  await writePredictions(run, `predictions_${phase}.csv`, {
    classNames,
    indices: split.test,
    names: Array.from(split.test, (index) => data.test.nameOf(index)),
    labels,
    predictions,
    probabilities,
  });
  onBatch();
  const curves = rocCurves(probabilities, labels, classes);
  await run.writeJson(`roc_${phase}.json`, {
    fpr: ROC_GRID,
    micro: rounded(curves.micro),
    macro: rounded(curves.macro),
    classes: classNames.map((name, c) => ({
      name,
      auc: Number.isNaN(auc.class[c]) ? null : auc.class[c],
      tpr: rounded(curves.class[c]),
    })),
  });
  await env.disk.write(
    `${runFolder}/${logitsFile(phase)}`,
    writeSafetensors(
      new Map([["logits", float32Tensor([labels.length, classes], logits)]]),
      { split: "test" },
    ),
  );
  if (isTeacher(phase)) return {};
  onBatch();
  await writeDuplicates(context, onBatch);
  return {
    ...await pixelRidge(context, onBatch),
    ...await compareWithTeacher(context, result),
  };
}

/** The floor under every figure with few labels; computed once a run. */
async function pixelRidge(
  { env, runFolder, data, split }: Context,
  onBatch: () => void,
): Promise<Record<string, number>> {
  const run = new RunFolder(env.disk, runFolder);
  const stored = await run.readJson("pixel_ridge.json");
  const accuracy = stored?.test_accuracy ?? pixelFloor(data, split, onBatch);
  if (typeof accuracy !== "number") return {};
  if (stored === undefined) {
    await run.writeJson("pixel_ridge.json", { test_accuracy: accuracy });
  }
  return { pixel_ridge_accuracy: accuracy };
}

function logitsFile(phase: string): string {
  return `logits_${phase}.safetensors`;
}

function rounded(curve: readonly number[] | undefined): number[] | null {
  return curve?.map((value) => Number(value.toFixed(4))) ?? null;
}

/** How often student and teacher agree on the test images, and how far apart they are. */
async function compareWithTeacher(
  { env, runFolder, config }: Context,
  { logits, predictions, classes, count }: EvaluationResult,
): Promise<Record<string, number>> {
  const path = `${runFolder}/${logitsFile("teacher")}`;
  if (!config.phases.teacher.enabled || !await env.disk.stat(path)) return {};
  const { tensors } = await readSafetensorsFile(env.disk, path);
  const stored = tensors.get("logits");
  if (String(stored?.shape) !== String([count, classes])) return {};
  const theirs = toFloat32(stored!);
  const agreed = argmaxRows(theirs, classes)
    .filter((label, i) => label === predictions[i]).length;
  return {
    teacher_agreement: agreed / count,
    teacher_total_variation: totalVariation(theirs, logits, classes),
  };
}
