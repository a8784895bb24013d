import { format, groupDigits } from "./format.ts";
import { gallery, type GalleryItem } from "./gallery.ts";
import { type Html, html, shorten } from "./html.ts";
import type { DuplicateRow, PseudoLabelRow } from "./label_tables.ts";
import type { RunData } from "./run_data.ts";

/** Pictures of each gallery. */
const SHOWN = 24;
/** Classes whose pseudo-labels are shown one by one. */
const MOST_CLASSES = 20;
const PER_CLASS = 8;
/** Reasons of `pseudo_labels.csv`: below a threshold, and that there is none. */
const BELOW = /^confidence .*below/;
const NO_LABELS = /uses no labels$/;

/** Labels that the images speak against, and images that are there more than once. */
export function dataDoubts(data: RunData): Html | undefined {
  const { suspects, duplicates, images } = data;
  if (suspects.length === 0 && duplicates.length === 0) return undefined;
  return html`${
    suspects.length > 0 && html`
      <h3>Suspected wrong labels</h3>
      <p
        class="hint">${groupDigits(suspects.length)}${suspects.length >= 200 &&
          " or more"} images are more like another class than the one they are labelled with. Test images
      are judged by the shipped model, labelled and validation images by a linear classifier
      on its features that leaves out each in turn. The whole list is in
      <code>suspected_labels_*.csv</code>.</p>${gallery(
        suspects.slice(0, SHOWN).map((row): GalleryItem => ({
          name: row.name,
          lines: [
            row.label,
            `rather ${row.suggested}`,
            `${format(row.confidence, "percent")} · ${row.part}`,
          ],
        })),
        images,
      )}
    `
  }${
    duplicates.length > 0 && html`<h3>Duplicates</h3>
<p class="hint">${
      groupDigits(duplicates.length)
    } groups of images that are equal, or
nearly so, lie in different parts or have different labels: such a test image measures
memory. The whole list is in <code>duplicates.csv</code>.</p>${
      duplicates.slice(0, SHOWN / 2).map((group) =>
        gallery(
          group.slice(0, 8).map((row): GalleryItem => ({
            name: row.name,
            lines: [
              row.label || "no label",
              `${row.part} · ${likenessOf(row)}`,
            ],
          })),
          images,
        )
      )
    }`
  }`;
}

function likenessOf({ likeness, mirrored }: DuplicateRow): string {
  if (likeness === 1) return "equal";
  return `${mirrored ? "mirrored, " : ""}${format(likeness, "percent")} like`;
}

/** What became of the unlabelled images, one by one. */
export function provenance(data: RunData): Html | undefined {
  const rows = data.pseudoLabels;
  if (rows.length === 0) return undefined;
  const labels = !rows.every(({ reason }) => NO_LABELS.test(reason));
  return html`
    <h3>${labels
      ? "Why images were kept or not"
      : "What unlabelled images are taken for"}</h3>${!labels &&
      html`
        <p class="hint">${rows[0]!
          .reason}: views of an image only had to agree.</p>
      `}${summary(rows, labels)}
    ${groupsOf(rows).map(([title, picked]) =>
      picked.length > 0 && html`
        <details>
          <summary>${title} (${groupDigits(picked.length)} shown)</summary>
          ${gallery(
            picked.map((row) => item(row, data.confusion?.names ?? [])),
            data.images,
          )}
        </details>
      `
    )}<p
      class="hint">Classes as the final model gives them; label changes in training,
    of the images that it saw more than once. Every image with its confidence, first
    round, uses and label changes is in <code>pseudo_labels.csv</code>.</p>
  `;
}

/** @param labels Whether the method makes labels, which are kept or not. */
function summary(rows: readonly PseudoLabelRow[], labels: boolean): Html {
  const classes = new Map<string, PseudoLabelRow[]>();
  for (const row of rows) {
    const own = classes.get(row.className) ?? [];
    own.push(row);
    classes.set(row.className, own);
  }
  const known = rows.some(({ truth }) => truth !== "");
  return html`
    <div class="scroll">
      <table id="provenance-table">
        <thead>
          <tr>
            <th scope="col">Class given</th>
            <th scope="col" class="n">Images</th>
            ${labels && html`<th scope="col" class="n">Kept</th>`}
            <th scope="col" class="n">Mean confidence</th>
            ${known &&
              html`<th scope="col" class="n">${
                labels ? "Kept and right" : "Right"
              }</th>`}
            <th scope="col" class="n">Changed label</th>
          </tr>
        </thead>
        <tbody>${[...classes].sort(([a], [b]) => a < b ? -1 : 1)
          .map(([name, own]) => {
            const kept = own.filter((row) => row.kept);
            const judged = labels ? kept : own;
            const right = judged.filter(isRight).length;
            const mean = own.reduce((sum, row) => sum + row.confidence, 0) /
              own.length;
            const again = own.filter(({ timesSeen }) => timesSeen > 1);
            const flipped = again.filter(({ flips }) => flips > 0).length;
            return html`
              <tr>
                <th scope="row">${shorten(name, 40)}</th>
                <td class="n">${groupDigits(own.length)}</td>
                ${labels &&
                  html`<td class="n">${
                    format(kept.length / own.length, "percent")
                  }</td>`}
                <td class="n">${format(mean, "percent")}</td>
                ${known &&
                  html`<td class="n">${
                    judged.length === 0
                      ? "–"
                      : format(right / judged.length, "percent")
                  }</td>`}
                <td class="n">${again.length === 0
                  ? "–"
                  : format(flipped / again.length, "percent")}</td>
              </tr>
            `;
          })}</tbody>
      </table>
    </div>
  `;
}

/** Images worth a look, by what they show. */
export function groupsOf(
  rows: readonly PseudoLabelRow[],
): [string, PseudoLabelRow[]][] {
  const by = (key: (row: PseudoLabelRow) => number) =>
    [...rows].sort((a, b) => key(b) - key(a));
  const sure = by(({ confidence }) => confidence);
  const classes = [...new Set(rows.map(({ className }) => className))].sort();
  return [
    [
      "Most confident and wrong",
      sure.filter((row) => row.truth !== "" && !isRight(row)).slice(0, SHOWN),
    ],
    [
      "Just below the threshold",
      sure.filter(({ reason }) => BELOW.test(reason)).slice(0, SHOWN),
    ],
    ["Least certain", sure.slice(-SHOWN).reverse()],
    [
      "Label changed most often",
      by(({ flips }) => flips).filter(({ flips }) => flips > 0)
        .slice(0, SHOWN),
    ],
    ...classes.slice(0, MOST_CLASSES).map((
      name,
    ): [string, PseudoLabelRow[]] => [
      `Kept as ${shorten(name, 40)}`,
      sure.filter(({ kept, className }) => kept && className === name)
        .slice(0, PER_CLASS),
    ]),
  ];
}

function item(row: PseudoLabelRow, names: readonly string[]): GalleryItem {
  const wrong = row.truth !== "" && !isRight(row);
  const used = row.firstRound === ""
    ? row.timesSeen === 0 ? "not seen in training" : "never used"
    : `used ${row.timesUsed} of ${row.timesSeen}, from round ${row.firstRound}`;
  return {
    name: row.name,
    lines: [
      row.className,
      ...(wrong ? [`is ${names[Number(row.truth)] ?? row.truth}`] : []),
      format(row.confidence, "percent"),
      row.kept ? used : row.reason,
      ...(row.flips > 0 ? [`${row.flips} label changes`] : []),
    ],
    verdict: row.truth === "" ? undefined : isRight(row) ? "right" : "wrong",
  };
}

function isRight({ label, truth }: PseudoLabelRow): boolean {
  return label === truth;
}

/** Names of all images that the report's galleries show. */
export function shownImages(
  { suspects, duplicates, pseudoLabels }: Pick<
    RunData,
    "suspects" | "duplicates" | "pseudoLabels"
  >,
): string[] {
  return [
    ...suspects.slice(0, SHOWN).map(({ name }) => name),
    ...duplicates.slice(0, SHOWN / 2).flatMap((group) =>
      group.slice(0, 8).map(({ name }) => name)
    ),
    ...groupsOf(pseudoLabels).flatMap(([, rows]) =>
      rows.map(({ name }) => name)
    ),
  ];
}
