import { Html, html } from "../../src/report/html.ts";
import {
  lineChart,
  type Series,
  type Tone,
} from "../../src/report/line_chart.ts";
import css from "../../src/report/style.css" with { type: "text" };
import type { Row } from "../common/rows.ts";

const TONES: readonly Tone[] = ["blue", "orange", "green", "purple"];

/**
 * A page of its own with what scaling showed: no scripts, no requests.
 *
 * @param table Headings and lines.
 */
export function scalingPage(
  rows: readonly Row[],
  [headings = [], ...lines]: readonly (readonly string[])[],
): string {
  const modes = [...new Set(rows.map(({ mode }) => mode as string))];
  const seriesOf = (of: (row: Row) => number, what = ""): Series[] =>
    modes.map((mode, i) => ({
      name: `${mode}${what}`,
      tone: TONES[(i + (what === "" ? 0 : modes.length)) % TONES.length]!,
      points: rows.filter((row) => row.mode === mode)
        .map((row) => [row.ranks as number, of(row)] as const),
    }));
  /** Figures line up at their right, words at their left. */
  const classOf = (column: number) =>
    lines.every((line) => /^[-\d]/.test(line[column]!)) ? "n" : "";
  const predicted = (row: Row) => row.predicted_ms as number | undefined ?? NaN;
  const ranks = [...new Set(rows.map((row) => row.ranks as number))];
  const ideal: Series = {
    name: "ideal",
    tone: "gray",
    points: ranks.map((n) => [n, n] as const),
  };
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
        <title>Scaling · Signet</title>
        <link rel="icon" href="data:,">
        <style>${new Html(css)}</style>
      </head>
      <body>
        <header>
          <h1>Scaling of ${rows[0]?.shape ?? "nothing"}</h1>
        </header>
        <main>
          <section>
            <div class="row">
            ${lineChart({
              id: "speed-up",
              title: "Speed-up over ranks",
              xLabel: "ranks",
              wholeX: true,
              unit: "number",
              series: [...seriesOf((row) => row.speed_up as number), ideal],
              include: [0],
            })}
            ${lineChart({
              id: "efficiency",
              title: "Efficiency over ranks",
              xLabel: "ranks",
              wholeX: true,
              unit: "percent",
              series: seriesOf((row) => row.efficiency as number),
              include: [0, 1],
            })}
            ${lineChart({
              id: "step",
              title: "Milliseconds of a step over ranks",
              xLabel: "ranks",
              wholeX: true,
              unit: "count",
              series: [
                ...seriesOf((row) => row.ms),
                ...seriesOf(predicted, ", predicted"),
              ],
              include: [0],
            })}
          </div>
          </section>
          <section>
            <table>
              <thead>
                <tr>${headings.map((text, i) =>
                  html`<th class="${classOf(i)}">${text}</th>`
                )}</tr>
              </thead>
              <tbody>${lines.map((line) =>
                html`
                  <tr>${line.map((text, i) =>
                    html`<td class="${classOf(i)}">${text}</td>`
                  )}</tr>
                `
              )}</tbody>
            </table>
          </section>
        </main>
      </body>
    </html>
  `.text;
}
