import { Html, html } from "../../src/report/html.ts";
import {
  lineChart,
  type Series,
  type Tone,
} from "../../src/report/line_chart.ts";
import css from "../../src/report/style.css" with { type: "text" };
import { figure, percent, type Row } from "../common/rows.ts";

const TONES: readonly Tone[] = ["blue", "orange", "green", "purple"];

/** A page of its own with what scaling showed: no scripts, no requests. */
export function scalingPage(rows: readonly Row[]): string {
  const modes = [...new Set(rows.map(({ mode }) => mode as string))];
  const seriesOf = (of: (row: Row) => number): Series[] =>
    modes.map((mode, i) => ({
      name: mode,
      tone: TONES[i % TONES.length]!,
      points: rows.filter((row) => row.mode === mode)
        .map((row) => [row.ranks as number, of(row)] as const),
    }));
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
              unit: "number",
              series: [...seriesOf((row) => row.speed_up as number), ideal],
              include: [0],
            })}
            ${lineChart({
              id: "efficiency",
              title: "Efficiency over ranks",
              xLabel: "ranks",
              unit: "percent",
              series: seriesOf((row) => row.efficiency as number),
              include: [0, 1],
            })}
          </div>
          </section>
          <section>
            <table>
              <thead>
                <tr>
                  <th>mode</th>
                  <th>ranks</th>
                  <th>step ms</th>
                  <th>speed-up</th>
                  <th>efficiency</th>
                  <th>exposed ms</th>
                  <th>predicted ms</th>
                </tr>
              </thead>
              <tbody>${rows.map((row) =>
                html`
                  <tr>
                    <td>${row.mode as string}</td>
                    <td>${row.ranks as number}</td>
                    <td>${figure(row.ms)}</td>
                    <td>${figure(row.speed_up as number)}</td>
                    <td>${percent(row.efficiency as number)}</td>
                    <td>${figure(row.exposed_ms as number)}</td>
                    <td>${figure(row.predicted_ms as number | undefined)}</td>
                  </tr>
                `
              )}</tbody>
            </table>
          </section>
        </main>
      </body>
    </html>
  `.text;
}
