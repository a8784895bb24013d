import type { SkippedImage } from "../../src/data/mod.ts";
import {
  type Confidences,
  type Evaluation,
  percent,
} from "../../src/evaluation/mod.ts";
import { table } from "../console.ts";

/** An evaluation with what it is of. */
export interface EvaluationReport {
  model: string;
  data: string;
  split: string;
  /** Images of it without a label, which are left out. */
  unlabelled: number;
  /** How classes of model and data were matched, and the data's names. */
  matched: { by: "name" | "position"; names: readonly string[] };
  classNames: readonly string[];
  skipped: readonly SkippedImage[];
  /** True class of each image. */
  labels: Int32Array;
  result: Evaluation;
  /** With the logits divided by the model's temperature. */
  calibrated?: Confidences;
  temperature?: number;
}

/** Classes that are named where they are matched by position. */
const SHOWN_PAIRS = 3;

/** Classes up to which the confusion matrix is printed. */
const MOST_PRINTED = 20;

/** NaN where a class is absent. */
function optional(value: number): string {
  return Number.isNaN(value) ? "-" : percent(value);
}

/** For people. */
export function describeEvaluation(report: EvaluationReport): string[] {
  const { classNames, result, calibrated, temperature } = report;
  const top5 = result.topK[Math.min(5, result.classes)]!;
  const lines = [
    `model      ${report.model}`,
    `data       ${report.data}, ${report.split}: ${result.count} images` +
    (report.skipped.length > 0 ? `, ${report.skipped.length} skipped` : "") +
    (report.unlabelled > 0 ? `, ${report.unlabelled} without a label` : ""),
    ...classNotes(report),
    `accuracy   ${percent(result.accuracy)}   top-5 ${
      percent(top5)
    }   macro F1 ${percent(result.f1.macro)}   balanced ${
      percent(result.balancedAccuracy)
    }`,
    `loss       ${result.nll.toFixed(3)}   AUC macro ${
      optional(result.auc.macro)
    }, micro ${optional(result.auc.micro)}`,
    `confidence off by ${percent(result.ece15)} on average (ECE, 15 bins)` +
    (calibrated === undefined
      ? "; the model has no temperature"
      : `, ${percent(calibrated.ece15)} with temperature ${
        temperature!.toFixed(2)
      } (loss ${calibrated.nll.toFixed(3)})`),
    "",
    ...table([
      ["class", "images", "precision", "recall", "F1", "AUC"],
      ...classNames.map((name, c) => [
        name,
        String(result.support[c]!),
        percent(result.precision.class[c]!),
        result.support[c] === 0 ? "-" : percent(result.recall.class[c]!),
        result.support[c] === 0 ? "-" : percent(result.f1.class[c]!),
        optional(result.auc.class[c]!),
      ]),
    ]),
  ];
  if (classNames.length <= MOST_PRINTED) {
    lines.push("", "true class in rows, prediction in columns:");
    lines.push(...table([
      ["", ...classNames.map((_, c) => String(c))],
      ...classNames.map((name, row) => [
        `${row} ${name}`,
        ...classNames.map((_, column) =>
          String(result.confusion[row * result.classes + column]!)
        ),
      ]),
    ]));
  }
  return lines;
}

/** What must be known about the classes to read the figures. */
function classNotes(
  { matched, classNames, result }: EvaluationReport,
): string[] {
  const notes: string[] = [];
  if (matched.by === "position") {
    const pairs = matched.names.slice(0, SHOWN_PAIRS)
      .map((name, c) => `${name} as ${classNames[c]}`);
    const more = matched.names.length > SHOWN_PAIRS ? ", …" : "";
    notes.push(
      `classes    matched by position, since no name is one of the model's: ${
        pairs.join(", ")
      }${more}`,
    );
  }
  const absent = result.support.filter((images) => images === 0).length;
  if (absent > 0) {
    notes.push(
      `classes    ${absent} of ${result.classes} have no image here; macro F1 takes them as 0, balanced leaves them out`,
    );
  }
  return notes;
}

/** For machines. */
export function evaluationJson(
  report: EvaluationReport,
): Record<string, unknown> {
  const { result, calibrated, temperature } = report;
  const { classes: n, confusion } = result;
  return {
    schema: 1,
    model: report.model,
    data: report.data,
    split: report.split,
    classes_matched_by: report.matched.by,
    skipped: report.skipped,
    images: result.count,
    unlabelled: report.unlabelled,
    accuracy: result.accuracy,
    top5: result.topK[Math.min(5, n)],
    macro_f1: result.f1.macro,
    macro_precision: result.precision.macro,
    macro_recall: result.recall.macro,
    balanced_accuracy: result.balancedAccuracy,
    kappa: result.kappa,
    mcc: result.mcc,
    loss: result.nll,
    brier: result.brier,
    auc_macro: number(result.auc.macro),
    auc_micro: number(result.auc.micro),
    ece: result.ece15,
    reliability: result.reliability,
    ...(calibrated === undefined ? {} : {
      temperature,
      calibrated: {
        ece: calibrated.ece15,
        loss: calibrated.nll,
        brier: calibrated.brier,
        reliability: calibrated.reliability,
      },
    }),
    classes: report.classNames.map((name, c) => ({
      name,
      images: result.support[c],
      precision: result.precision.class[c],
      recall: result.recall.class[c],
      f1: result.f1.class[c],
      auc: number(result.auc.class[c]!),
    })),
    confusion: Array.from(
      { length: n },
      (_, row) => [...confusion.subarray(row * n, (row + 1) * n)],
    ),
  };
}

/** JSON has no NaN. */
function number(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
