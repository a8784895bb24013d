import type { Disk } from "../env/mod.ts";
import { cluster } from "./cluster.ts";
import { curves, pseudoLabels } from "./curves.ts";
import { type Html, html } from "./html.ts";
import { comparison, header } from "./overview.ts";
import { dataDoubts, provenance, shownImages } from "./label_sections.ts";
import { allFigures, phaseTable } from "./phase_table.ts";
import { page, type Section } from "./page.ts";
import { rocSection } from "./roc_section.ts";
import { readRun, type RunData, textAt } from "./run_data.ts";
import { calibration } from "./calibration_section.ts";
import { confusionSection, machine, stepTime, warnings } from "./sections.ts";
import { loadThumbnails } from "./thumbnails.ts";

/**
 * Writes `report.html` into a run folder and returns its path.
 *
 * One file without scripts and without requests: everything is in it. It is made
 * from the plain files of the folder, and thumbnails of some images from the data
 * set; what is missing is left out and said.
 *
 * @param options.pictures Whether thumbnails are put in; default: they are.
 */
export async function writeReport(
  disk: Disk,
  runFolder: string,
  { pictures = true }: { pictures?: boolean } = {},
): Promise<string> {
  const path = `${runFolder}/report.html`;
  const data = await readRun(disk, runFolder);
  const { images, note } = pictures
    ? await loadThumbnails(disk, data.config, shownImages(data))
    : { images: new Map() };
  const notes = note === undefined ? data.notes : [...data.notes, note];
  await disk.write(path, renderReport({ ...data, images, notes }));
  return path;
}

function pseudoSection(data: RunData): Html | undefined {
  const parts = [pseudoLabels(data), provenance(data)]
    .filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : html`${parts}`;
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
    { id: "warned", title: "Warnings", body: warnings(data) },
    { id: "curves", title: "Learning curves", body: curves(data) },
    { id: "pseudo-labels", title: "Pseudo-labels", body: pseudoSection(data) },
    {
      id: "confusion-matrix",
      title: "Confusion matrix",
      body: confusionSection(data),
    },
    { id: "calibration", title: "Calibration", body: calibration(data) },
    { id: "roc", title: "ROC", body: rocSection(data) },
    { id: "labels", title: "Labels in doubt", body: dataDoubts(data) },
    {
      id: "time",
      title: "Where the step time went",
      body: stepTime(data),
    },
    { id: "cluster", title: "Ranks", body: cluster(data) },
    { id: "run", title: "Run", body: machine(data) },
  ];
  return page({
    title: `${textAt(data.config, "name") ?? "run"} · Signet report`,
    header: header(data),
    sections,
    footer: html`${
      data.notes.map((note) => html`<p class="note">Not shown: ${note}.</p>`)
    }<p>Made by Signet from the files in this folder.</p>`,
  });
}
