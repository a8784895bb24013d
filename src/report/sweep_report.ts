import { type Estimate, fitPowerLaw } from "../evaluation/mod.ts";
import { format, groupDigits } from "./format.ts";
import { type Html, html, shorten } from "./html.ts";
import { intervalChart, type IntervalSeries } from "./interval_chart.ts";
import type { Tone } from "./line_chart.ts";
import { titleOf, toneOf } from "./names.ts";
import { page } from "./page.ts";

/** What a sweep's page shows. */
export interface SweepPage {
  title: string;
  /** Key of the summary that is compared. */
  figure: string;
  /** Key of the axis that is the number of labels a class. */
  labelsKey: string;
  axes: readonly { key: string; values: readonly string[] }[];
  /** Runs of each setting. */
  seeds: number;
  /** Names of what is compared, as in the estimates. */
  columns: readonly string[];
  settings: readonly {
    setting: Readonly<Record<string, string>>;
    estimates: Readonly<Record<string, Estimate>>;
  }[];
  /** Members without a result. */
  waiting: number;
}

/** Drawn in the curves; `shipped` and `gain` follow from them. */
const CURVES = ["teacher", "classify", "selfTrain", "baseline", "pixel_ridge"];

const TITLES: Readonly<Record<string, string>> = {
  shipped: "Shipped",
  gain: "Gain over labels alone",
  pixel_ridge: "Pixel ridge, no network",
};

function nameOf(column: string): string {
  return Object.hasOwn(TITLES, column) ? TITLES[column]! : titleOf(column);
}

/** The floor differs from the baseline, which is gray too. */
function curveTone(column: string): Tone {
  return column === "pixel_ridge" ? "orange" : toneOf(column);
}

/** The page of a sweep: curves over the labels, and the table of all settings. */
export function renderSweep(data: SweepPage): string {
  const { title, settings, seeds, waiting, axes } = data;
  const curves = axes.some(({ key }) => key === data.labelsKey)
    ? labelCurves(data)
    : undefined;
  return page({
    title: `${title} · Signet sweep`,
    header: html`<header>
<p class="brand"><span class="logo" aria-hidden="true"></span>Signet</p>
<h1>${shorten(title, 64)}</h1>
<p class="facts">${
      [
        `${groupDigits(settings.length)} settings`,
        `${seeds} seed${seeds === 1 ? "" : "s"} each`,
        data.figure,
      ].map((fact) => html`<span>${fact}</span>`)
    }</p>${
      waiting > 0 &&
      html`
        <p
          class="verdict"><b>This sweep is not complete:</b> ${groupDigits(
            waiting,
          )} runs have no result yet.</p>
      `
    }</header>`,
    sections: [
      { id: "curves", title: "Accuracy by labels", body: curves },
      { id: "settings", title: "All settings", body: settingsTable(data) },
    ],
    footer:
      html`<p>Mean of the seeds, standard deviation, and the 95 % interval of the
mean by Student's t. Every run is a folder below <code>members/</code>; the numbers are
in <code>results.csv</code>, <code>members.csv</code> and <code>results.json</code>.</p>`,
  });
}

/** One chart for each setting of the other axes. */
function labelCurves(data: SweepPage): Html {
  const { settings, labelsKey } = data;
  const groups = new Map<string, SweepPage["settings"][number][]>();
  for (const entry of settings) {
    const rest = Object.entries(entry.setting)
      .filter(([key]) => key !== labelsKey)
      .map(([key, value]) => `${key} = ${value}`).join(", ");
    groups.set(rest, [...groups.get(rest) ?? [], entry]);
  }
  return html`${
    [...groups].map(([name, entries], i) => {
      const series = CURVES.flatMap((column): IntervalSeries[] => {
        const points = entries.flatMap(({ setting, estimates }) => {
          const found = estimates[column];
          const x = Number(setting[labelsKey]);
          return found && x > 0 ? [{ x, ...found }] : [];
        }).sort((a, b) => a.x - b.x);
        return points.length === 0
          ? []
          : [{ name: nameOf(column), tone: curveTone(column), points }];
      });
      return html`${
        intervalChart({
          id: `labels-${i}`,
          title: name === "" ? "Test accuracy" : name,
          xLabel: "labelled images a class (logarithmic)",
          series,
        })
      }${forecast(entries, labelsKey)}`;
    })
  }`;
}

/** What more labels would bring, where the error falls like a power of their number. */
function forecast(
  entries: SweepPage["settings"],
  labelsKey: string,
): Html | undefined {
  const points = entries.flatMap(({ setting, estimates }) => {
    const n = Number(setting[labelsKey]);
    const { shipped } = estimates;
    return shipped && n > 0 ? [[n, 1 - shipped.mean] as const] : [];
  });
  const law = fitPowerLaw(points);
  if (law === undefined) return undefined;
  const most = Math.max(...points.map(([n]) => n));
  return html`
    <p
      class="hint">The error of the shipped model falls with about the power ${law
        .exponent.toFixed(2)} of the labels: going from ${groupDigits(
          most,
        )} to ${groupDigits(
          2 * most,
        )} labels a class should bring about <b>${format(
          law.at(most) - law.at(2 * most),
          "points",
        )} points</b>. An extrapolation from ${String(points.length)} means.</p>
  `;
}

function settingsTable(
  { axes, columns, settings, labelsKey }: SweepPage,
): Html {
  return html`
    <div class="scroll">
      <table id="settings-table">
        <thead>
          <tr>${axes.map(({ key }) =>
            html`<th scope="col">${
              key === labelsKey ? "Labels a class" : key
            }</th>`
          )}<th scope="col" class="n">Runs</th>${columns.map((column) =>
            html`<th scope="col" class="n">${nameOf(column)}</th>`
          )}</tr>
        </thead>
        <tbody>${settings.map(({ setting, estimates }) => {
          const runs = Math.max(
            0,
            ...Object.values(estimates).map(({ count }) => count),
          );
          return html`<tr>${
            axes.map(({ key }) =>
              html`<td>${shorten(setting[key] ?? "", 40)}</td>`
            )
          }<td class="n">${String(runs)}</td>${
            columns.map((column) =>
              html`<td class="n">${cell(estimates[column], column)}</td>`
            )
          }</tr>`;
        })}</tbody>
      </table>
    </div>
  `;
}

function cell(found: Estimate | undefined, column: string): Html {
  if (found === undefined) return html`<span class="missing">–</span>`;
  const { mean, deviation, low, high } = found;
  const unit = column === "gain" ? "points" : "percent";
  const number = (value: number) => (100 * value).toFixed(1);
  return html`${format(mean, unit)}${
    !Number.isNaN(deviation) && html`
      ± ${number(deviation)}<br><small>${number(low)} to ${number(high)}</small>
    `
  }`;
}
