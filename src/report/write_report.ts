import type { Disk } from "../env/mod.ts";
import { curves, pseudoLabels } from "./curves.ts";
import { Html, html } from "./html.ts";
import { comparison, header } from "./overview.ts";
import { allFigures, phaseTable } from "./phase_table.ts";
import { readRun, type RunData, textAt } from "./run_data.ts";
import {
  calibration,
  confusionSection,
  machine,
  stepTime,
} from "./sections.ts";
import css from "./style.css" with { type: "text" };

/**
 * Writes `report.html` into a run folder and returns its path.
 *
 * One file without scripts and without requests: everything is in it. It is made
 * from `config.json`, `run.json`, `summary.json`, `metrics.jsonl` and
 * `confusion.csv`; what is missing is left out and said.
 */
export async function writeReport(
  disk: Disk,
  runFolder: string,
): Promise<string> {
  const path = `${runFolder}/report.html`;
  await disk.write(path, renderReport(await readRun(disk, runFolder)));
  return path;
}

interface Section {
  id: string;
  title: string;
  body: Html | undefined;
}

/** The page for what a run folder holds. */
export function renderReport(data: RunData): string {
  const sections: Section[] = [
    {
      id: "phases",
      title: "Phases",
      body: html`<div class="duo">${comparison(data)}<div>${phaseTable(data)}${
        allFigures(data)
      }</div></div>`,
    },
    { id: "curves", title: "Learning curves", body: curves(data) },
    { id: "pseudo-labels", title: "Pseudo-labels", body: pseudoLabels(data) },
    {
      id: "confusion-matrix",
      title: "Confusion matrix",
      body: confusionSection(data),
    },
    { id: "calibration", title: "Calibration", body: calibration(data) },
    {
      id: "time",
      title: "Where the step time went",
      body: stepTime(data),
    },
    { id: "run", title: "Run", body: machine(data) },
  ];
  const shown = sections.filter(({ body }) => body !== undefined);
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
        <title>${textAt(data.config, "name") ?? "run"} · Signet report</title>
        <link rel="icon" href="data:,">
        <style>${new Html(css)}</style>
      </head>
      <body>
    ${header(data)}
    <nav aria-label="Sections"><ul>${shown.map(({ id, title }) =>
      html`<li><a href="#${id}">${title}</a></li>`
    )}</ul></nav>
    <main>${shown.map(({ id, title, body }) =>
      html`<section id="${id}"><h2>${title}</h2>${body}</section>`
    )}</main>
    <footer>${data.notes.map((note) =>
      html`<p class="note">Not shown: ${note}.</p>`
    )}<p>Made by Signet from the files in this folder.</p></footer>
      </body>
    </html>
  `.text;
}
