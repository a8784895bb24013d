import { format } from "./format.ts";
import { type Html, html, shorten } from "./html.ts";
import { lineChart } from "./line_chart.ts";
import { titleOf } from "./names.ts";
import {
  asFigure,
  listAt,
  numberAt,
  type RunData,
  textAt,
} from "./run_data.ts";

/** Classes with a chart of their own: those that are told apart worst. */
const SHOWN = 11;

const CHANCE = {
  name: "chance",
  tone: "gray",
  points: [[0, 0], [1, 1]],
} as const;

/** ROC curves of the shipped model: pooled, mean, and of the hardest classes. */
export function rocSection({ roc, summary }: RunData): Html | undefined {
  const grid = listAt(roc, "fpr").map(asFigure);
  const points = (curve: readonly unknown[]) =>
    curve.flatMap((value, i): [number, number][] => {
      const [x, y] = [grid[i], asFigure(value)];
      return x === undefined || y === undefined ? [] : [[x, y]];
    });
  const micro = points(listAt(roc, "micro"));
  if (micro.length === 0) return undefined;
  const phase = textAt(summary, "shipped", "phase") ?? "";
  const area = (key: string) =>
    format(numberAt(summary, "phases", phase, key), "percent");
  const classes = listAt(roc, "classes")
    .map((entry) => ({
      name: textAt(entry, "name") ?? "",
      auc: numberAt(entry, "auc"),
      tpr: listAt(entry, "tpr"),
    }))
    .filter(({ auc, tpr }) => auc !== undefined && tpr.length > 0)
    .sort((a, b) => a.auc! - b.auc!);
  const frame = {
    xLabel: "false positives",
    unit: "percent",
    include: [0, 1],
    max: 1,
    lastValues: false,
  } as const;
  return html`
    <p
      class="hint">${titleOf(
        phase,
      )} on the test images, one class against the rest: true positives over false ones. Area under the curve: micro ${area(
        "test_auc_micro",
      )}, macro ${area("test_auc_macro")}.</p>
    <div class="row">${lineChart({
      ...frame,
      id: "roc-averages",
      title: "All classes",
      series: [
        CHANCE,
        { name: "micro", tone: "blue", points: micro },
        { name: "macro", tone: "orange", points: points(listAt(roc, "macro")) },
      ],
    })}${classes.slice(0, SHOWN).map(({ name, auc, tpr }, i) =>
      lineChart({
        ...frame,
        id: `roc-class-${i}`,
        title: `${shorten(name, 28)}: area ${format(auc, "percent")}`,
        series: [CHANCE, { name: "model", tone: "blue", points: points(tpr) }],
      })
    )}</div>${classes.length > SHOWN &&
      html`
        <p
          class="hint">The ${SHOWN} classes that are told apart worst, of ${classes
            .length}.</p>
      `}
  `;
}
