import type { MetricsLine } from "../run/mod.ts";
import { figure } from "./format.ts";
import { type Html, html } from "./html.ts";
import {
  type LineChart,
  lineChart,
  type Series,
  type Tone,
} from "./line_chart.ts";
import { titleOf } from "./names.ts";
import { baselineOf, note } from "./overview.ts";
import { asFigure, numberAt, type RunData } from "./run_data.ts";

type Key = {
  [K in keyof MetricsLine]-?: MetricsLine[K] extends number | undefined ? K
    : never;
}[keyof MetricsLine];

/** `[epoch, value]` of the lines of a phase that carry the value. */
export function pointsOf(
  { metrics }: RunData,
  phase: string,
  split: MetricsLine["split"] | undefined,
  key: Key,
): [number, number][] {
  const points: [number, number][] = [];
  for (const line of metrics) {
    if (line.phase !== phase || (split && line.split !== split)) continue;
    const [epoch, value] = [asFigure(line.epoch), asFigure(line[key])];
    if (epoch !== undefined && value !== undefined) points.push([epoch, value]);
  }
  return points.sort((a, b) => a[0] - b[0]);
}

function series(
  data: RunData,
  phase: string,
  key: Key,
  lines: readonly [MetricsLine["split"], string, Tone][],
): Series[] {
  return lines.map(([split, name, tone]) => ({
    name,
    tone,
    points: pointsOf(data, phase, split, key),
  }));
}

const SPLITS: readonly [MetricsLine["split"], string, Tone][] = [
  ["train", "training", "sky"],
  ["validation", "validation", "blue"],
];

/** Accuracy, loss and precision/recall/F1 of each phase over its epochs, where there are any. */
export function curves(data: RunData): Html {
  const phases = data.phases.filter((phase) =>
    data.metrics.some((line) => line.phase === phase)
  );
  if (phases.length === 0) {
    return html`<p class="empty">No step has been logged yet.</p>`;
  }
  return html`${
    phases.map((phase) =>
      html`<h3>${titleOf(phase)} <small>${note(phase, data)}</small></h3>
<div class="row">${
        [accuracy, loss, scores].map((chart) => chart(data, phase))
          .filter(({ series }) =>
            series.some(({ points }) => points.length > 0)
          )
          .map(lineChart)
      }</div>`
    )
  }`;
}

function accuracy(data: RunData, phase: string): LineChart {
  const base = baselineOf(data);
  const compared = base && (phase === "classify" || phase === "selfTrain");
  return {
    id: `accuracy-${phase}`,
    title: "Accuracy",
    xLabel: "epoch",
    unit: "percent",
    max: 1,
    series: series(data, phase, "accuracy", SPLITS),
    ...(compared
      ? { reference: { value: base.value, label: "baseline (test)" } }
      : {}),
  };
}

function loss(data: RunData, phase: string): LineChart {
  return {
    id: `loss-${phase}`,
    title: "Loss",
    xLabel: "epoch",
    unit: "loss",
    series: series(data, phase, "loss", SPLITS),
  };
}

function scores(data: RunData, phase: string): LineChart {
  return {
    id: `scores-${phase}`,
    title: "Precision, recall, F1 (macro, validation)",
    xLabel: "epoch",
    unit: "percent",
    max: 1,
    series: [
      {
        name: "F1",
        tone: "green",
        points: pointsOf(data, phase, "validation", "macro_f1"),
      },
      {
        name: "precision",
        tone: "orange",
        points: pointsOf(data, phase, "validation", "macro_precision"),
      },
      {
        name: "recall",
        tone: "purple",
        points: pointsOf(data, phase, "validation", "macro_recall"),
      },
    ],
  };
}

/** How many unlabelled images got a label, and how many of those are right. */
export function pseudoLabels(data: RunData): Html | undefined {
  const line = (name: string, tone: Tone, key: Key): Series => ({
    name,
    tone,
    points: pointsOf(data, "selfTrain", undefined, key),
  });
  const shares = [
    line("yield", "blue", "pseudo_label_yield"),
    line("used in the batch", "orange", "mask_rate"),
  ];
  const right = [line("right", "green", "pseudo_label_accuracy")];
  if ([...shares, ...right].every(({ points }) => points.length === 0)) {
    return undefined;
  }
  return html`<div class="row">${
    lineChart({
      id: "pseudo-label-yield",
      title: "Yield: unlabelled images with a pseudo-label",
      xLabel: "epoch",
      unit: "percent",
      include: [0],
      max: 1,
      series: shares,
    })
  }${
    lineChart({
      id: "pseudo-label-accuracy",
      title: "Accuracy of the pseudo-labels",
      xLabel: "epoch",
      unit: "percent",
      max: 1,
      series: right,
    })
  }</div>${finalLabels(data)}`;
}

function finalLabels({ summary }: RunData): Html | undefined {
  const path = "phases.selfTrain.pseudo_label";
  const at = (name: string) =>
    numberAt(summary, "phases", "selfTrain", `pseudo_label_${name}`);
  const [labelled, right] = [at("yield"), at("accuracy")];
  if (labelled === undefined) return undefined;
  return html`
    <p
      class="hint">In the end ${figure(
        `${path}_yield`,
        labelled,
        "percent",
      )} of the unlabelled images have a pseudo-label${right !== undefined &&
        html`; ${
          figure(`${path}_accuracy`, right, "percent")
        } of those are right`}.</p>
  `;
}
