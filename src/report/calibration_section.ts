import { figure } from "./format.ts";
import { type Html, html } from "./html.ts";
import { lineChart } from "./line_chart.ts";
import { titleOf } from "./names.ts";
import { listAt, numberAt, type RunData } from "./run_data.ts";

const COLUMNS = [
  ["temperature", "Temperature", "number"],
  ["temperature_low", "95 % from", "number"],
  ["temperature_high", "to", "number"],
  ["test_ece", "Calibration error", "percent"],
  ["test_ece_calibrated", "Calibrated", "percent"],
  ["test_loss_calibrated", "Loss, calibrated", "loss"],
  ["test_auc_macro", "AUC, macro", "percent"],
  ["test_auc_micro", "AUC, micro", "percent"],
  ["teacher_agreement", "Agrees with teacher", "percent"],
  ["teacher_total_variation", "Distance to teacher", "percent"],
] as const;

/** Images of a bin that are enough, however many there are in all. */
const ENOUGH = 10;

/** Confidence against accuracy, and the figures about confidences, of each phase. */
export function calibration(data: RunData): Html | undefined {
  const charts = data.phases.flatMap((phase) => {
    const before = pointsOf(data, phase, "reliability");
    const after = pointsOf(data, phase, "reliability_calibrated");
    if (before.length === 0) return [];
    return [lineChart({
      id: `calibration-${phase}`,
      title: `${titleOf(phase)}: share right`,
      xLabel: "confidence",
      unit: "percent",
      include: [0, 1],
      max: 1,
      lastValues: false,
      series: [
        { name: "ideal", tone: "gray", points: [[0, 0], [1, 1]] },
        { name: "as trained", tone: "orange", points: before },
        { name: "calibrated", tone: "blue", points: after },
      ],
    })];
  });
  if (charts.length === 0) return undefined;
  return html`
    <div class="row">${charts}</div>${table(data)}
    <p
      class="hint">Share of right test images in each of 15 bins of confidence, where a
    bin holds enough of them. The temperature divides
    the logits; it is fitted on the validation images, stored with the model and applied by
    <code>predict</code>. Where 1 lies in its 95 % interval, it is left at 1. The interval is
    that of the chance of few images; that a model's best step is chosen on the same ones
    makes them a little easy for it, so that test images may ask for a larger temperature. Distance to the teacher: total variation of the two predictions,
    0 = equal, 100 % = disjoint.</p>
  `;
}

function pointsOf(
  { summary }: RunData,
  phase: string,
  key: string,
): [number, number][] {
  const bins = listAt(summary, "phases", phase, key);
  const counts = bins.map((bin) => numberAt(bin, "count") ?? 0);
  const images = counts.reduce((a, b) => a + b, 0);
  // A single image is right or wrong, which says nothing about its confidence.
  const least = Math.max(1, Math.min(ENOUGH, images / 100));
  return bins.flatMap((bin, i): [number, number][] => {
    const [x, y] = [numberAt(bin, "confidence"), numberAt(bin, "accuracy")];
    return counts[i]! >= least && x !== undefined && y !== undefined
      ? [[x, y]]
      : [];
  });
}

function table({ phases, summary }: RunData): Html {
  const rows = phases.filter((phase) =>
    COLUMNS.some(([key]) =>
      numberAt(summary, "phases", phase, key) !== undefined
    )
  );
  return html`
    <div class="scroll">
      <table>
        <thead>
          <tr><th scope="col">Phase</th>${COLUMNS.map(([, title]) =>
            html`<th scope="col" class="n">${title}</th>`
          )}</tr>
        </thead>
        <tbody>${rows.map((phase) =>
          html`<tr><th scope="row">${titleOf(phase)}</th>${
            COLUMNS.map(([key, , unit]) =>
              html`<td class="n">${
                figure(
                  `phases.${phase}.${key}`,
                  numberAt(summary, "phases", phase, key),
                  unit,
                )
              }</td>`
            )
          }</tr>`
        )}</tbody>
      </table>
    </div>
  `;
}
