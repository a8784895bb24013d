import { pointsOf } from "./curves.ts";
import { areRepeats, type DifferingSetting } from "./differing_settings.ts";
import { format, groupDigits } from "./format.ts";
import { type Html, html, shorten } from "./html.ts";
import { lineChart, type Tone } from "./line_chart.ts";
import { titleOf } from "./names.ts";
import { page } from "./page.ts";
import type { RunData } from "./run_data.ts";

/** What a page of several runs shows. */
export interface ComparePage {
  /** Key of the summary that the table holds. */
  figure: string;
  runs: readonly { name: string; data: RunData }[];
  rows: readonly {
    phase: string;
    /** One a run; null where it has none. */
    values: readonly (number | null)[];
    mean: number | null;
    deviation: number | null;
  }[];
  settings: readonly DifferingSetting[];
}

/** Each with a dash of its own beside the colour. */
const TONES: readonly Tone[] = ["blue", "orange", "green", "purple", "sky"];

/** The page of `compare`: the runs' curves over each other, figures and settings. */
export function renderComparison(data: ComparePage): string {
  const { runs, settings } = data;
  return page({
    title: "Signet comparison",
    header: html`
      <header>
        <p class="brand"><span class="logo" aria-hidden="true"></span>Signet</p>
        <h1>${groupDigits(runs.length)} runs</h1>
        <p class="facts">${runs.map(({ name }) =>
          html`<span>${shorten(name, 64)}</span>`
        )}</p>
      </header>
    `,
    sections: [
      { id: "figures", title: data.figure, body: figureTable(data) },
      {
        id: "settings",
        title: "Settings that differ",
        body: settingsTable(runs, settings),
      },
      { id: "curves", title: "Learning curves", body: overlays(data) },
    ],
    footer: html`<p>Made by Signet from the files in the run folders.</p>`,
  });
}

function figureTable({ figure, runs, rows, settings }: ComparePage): Html {
  const repeats = areRepeats(settings);
  const unit = /accuracy|f1|top5|ece|auc|agreement|variation|yield/.test(figure)
    ? "percent"
    : "number";
  const show = (value: number | null) => format(value ?? undefined, unit);
  return html`
    <div class="scroll">
      <table id="figures-table">
        <thead>
          <tr><th scope="col">Phase</th>${runs.map(({ name }) =>
            html`<th scope="col" class="n">${shorten(name, 32)}</th>`
          )}${repeats &&
            html`
              <th scope="col" class="n">Mean</th>
              <th scope="col" class="n">Deviation</th>
            `}</tr>
        </thead>
        <tbody>${rows.map(({ phase, values, mean, deviation }) =>
          html`<tr><th scope="row">${titleOf(phase)}</th>${
            values.map((value) => html`<td class="n">${show(value)}</td>`)
          }${
            repeats &&
            html`
              <td class="n">${show(mean)}</td>
              <td class="n">${show(deviation)}</td>
            `
          }</tr>`
        )}</tbody>
      </table>
    </div>
  `;
}

function settingsTable(
  runs: ComparePage["runs"],
  settings: readonly DifferingSetting[],
): Html {
  if (settings.length === 0) {
    return html`<p class="empty">None: the configurations are the same.</p>`;
  }
  return html`
    <div class="scroll">
      <table id="settings-table">
        <thead>
          <tr><th scope="col">Setting</th>${runs.map(({ name }) =>
            html`<th scope="col">${shorten(name, 32)}</th>`
          )}</tr>
        </thead>
        <tbody>${settings.map(({ key, values }) =>
          html`<tr><th scope="row"><code>${shorten(key, 80)}</code></th>${
            values.map((value) => html`<td>${shorten(value, 60)}</td>`)
          }</tr>`
        )}</tbody>
      </table>
    </div>
  `;
}

const CHARTS = [
  ["accuracy", "validation", "Accuracy, validation", "percent"],
  ["loss", "validation", "Loss, validation", "loss"],
  ["loss", "train", "Loss, training", "loss"],
] as const;

/** The curves of each phase, a line for each run. */
function overlays({ runs }: ComparePage): Html | undefined {
  const drawn = runs.slice(0, TONES.length);
  const phases = [...new Set(drawn.flatMap(({ data }) => data.phases))];
  const groups = phases.flatMap((phase) => {
    const charts = CHARTS.flatMap(([key, split, title, unit]) => {
      const series = drawn.map(({ name, data }, i) => ({
        name: shorten(name, 32),
        tone: TONES[i]!,
        points: pointsOf(data, phase, split, key),
      })).filter(({ points }) => points.length > 0);
      return series.length === 0 ? [] : [lineChart({
        id: `${phase}-${key}-${split}`,
        title,
        xLabel: "epoch",
        unit,
        ...(unit === "percent" ? { max: 1 } : {}),
        series,
      })];
    });
    return charts.length === 0 ? [] : [
      html`
        <h3>${titleOf(phase)}</h3>
        <div class="row">${charts}</div>
      `,
    ];
  });
  if (groups.length === 0) return undefined;
  return html`${groups}${
    runs.length > drawn.length &&
    html`
      <p class="hint">The first ${drawn.length} of ${runs
        .length} runs are drawn.</p>
    `
  }`;
}
