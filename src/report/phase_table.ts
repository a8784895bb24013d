import { figure, type Unit } from "./format.ts";
import { type Html, html } from "./html.ts";
import { titleOf } from "./names.ts";
import { baselineOf, difference, note } from "./overview.ts";
import { numberAt, type RunData, textAt } from "./run_data.ts";

/** Columns of figures; those that no phase has are left out. */
const COLUMNS: readonly [string, string, Unit][] = [
  ["test_accuracy", "Test accuracy", "percent"],
  ["test_top5", "Test top\u20115", "percent"],
  ["val_accuracy", "Validation", "percent"],
  ["test_macro_f1", "Macro F1", "percent"],
  ["test_loss", "Test loss", "loss"],
  ["images", "Images", "count"],
  ["steps", "Steps", "count"],
  ["seconds", "Time", "seconds"],
  ["images_per_second", "Images/s", "count"],
  ["parameters", "Parameters", "size"],
];

/** Up to so many classes the first five say nothing. */
const TOP = 5;

function columnsOf({ phases, summary, confusion }: RunData) {
  const classes = confusion?.names.length ?? Infinity;
  return COLUMNS.filter(([key]) =>
    (key !== "test_top5" || classes > TOP) &&
    phases.some((phase) =>
      numberAt(summary, "phases", phase, key) !== undefined
    )
  );
}

/** The table of phases with the baseline and what each is worth. */
export function phaseTable(data: RunData): Html {
  const base = baselineOf(data);
  const columns = columnsOf(data);
  return html`
    <div class="scroll">
      <table id="phases-table">
        <thead>
          <tr><th scope="col">Phase</th><th scope="col" class="n">Against<br>baseline</th>${columns
            .map(([, title]) =>
              html`<th scope="col" class="n">${title}</th>`
            )}</tr>
        </thead>
        <tbody>${data.phases.map((phase) => tableRow(data, phase))}</tbody>
      </table>
    </div>
    ${base && baselineHint(data, base)}
    <p class="hint">
      Within a phase the model is chosen by the validation images; the test split
      is evaluated once, at the end.
    </p>
  `;
}

/** What the comparison with the baseline rests on. */
function baselineHint(
  { config }: RunData,
  base: { value: number; path: string },
): Html {
  const equal = numberAt(config, "phases", "baseline", "images") === 0;
  return html`
    <p class="hint">
      Baseline: ${figure(base.path, base.value, "percent")} with the same labels
      and the same model from scratch${equal &&
        ", as many training images as ST-Class and SSL-ST-Class together"}. Images
      seen in distillation are not counted.
    </p>
  `;
}

function tableRow(data: RunData, phase: string): Html {
  const shipped = textAt(data.summary, "shipped", "phase") === phase;
  const figures = columnsOf(data).map(([key, , unit]) => {
    const value = numberAt(data.summary, "phases", phase, key);
    const shown = figure(`phases.${phase}.${key}`, value, unit);
    return html`<td class="n">${shown}</td>`;
  });
  const from = textAt(data.summary, "phases", phase, "from");
  const badge = html`<span class="badge">shipped</span>`;
  return html`<tr class="${shipped ? "shipped" : "other"}">
    <th scope="row">${titleOf(phase)} ${
    shipped && badge
  }<br><code>${phase}</code> <small>${note(phase, data)}${
    from && html`<br>done by <code>${from}</code>`
  }</small></th><td class="n">${verdict(data, phase)}</td>${figures}</tr>`;
}

/** What the phase is worth beside labels alone. */
function verdict(data: RunData, phase: string): Html {
  const base = baselineOf(data);
  const accuracy = numberAt(data.summary, "phases", phase, "test_accuracy");
  if (phase === "baseline") return html`<span>reference</span>`;
  if (
    base === undefined || accuracy === undefined ||
    (phase !== "classify" && phase !== "selfTrain")
  ) return html`<span class="missing">–</span>`;
  return difference(accuracy - base.value);
}

/** Every number in `summary.json`, exactly as written. */
export function allFigures({ summary }: RunData): Html {
  const rows: Html[] = [];
  function visit(value: unknown, path: string[]) {
    if (rows.length > 2000 || path.length > 8) return;
    if (typeof value === "number") {
      const name = path.join(".");
      rows.push(
        html`
          <tr>
            <th scope="row"><code>${name}</code></th>
            <td class="n" data-figure="${name}"
              data-value="${String(value)}">${String(value)}</td>
          </tr>
        `,
      );
    } else if (typeof value === "object" && value !== null) {
      for (const [key, below] of Object.entries(value)) {
        visit(below, [...path, key]);
      }
    }
  }
  visit(summary, []);
  return rows.length === 0 ? html`` : html`
    <details>
      <summary>All figures of summary.json (${String(rows.length)})</summary>
      <div class="scroll">
        <table>${rows}</table>
      </div>
    </details>
  `;
}
