import { stackChart } from "./bar_chart.ts";
import { format, groupDigits } from "./format.ts";
import { heatMap, MOST_DRAWN, worstPairs } from "./heat_map.ts";
import { type Html, html, shorten } from "./html.ts";
import { describeWire } from "../run/mod.ts";
import { titleOf } from "./names.ts";
import {
  asFigure,
  listAt,
  numberAt,
  type RunData,
  textAt,
  valueAt,
} from "./run_data.ts";

const PARTS = [
  ["data", "data_ms"],
  ["forward", "forward_ms"],
  ["backward", "backward_ms"],
  ["optimizer", "update_ms"],
  ["communication", "communication_ms"],
] as const;

/** Mean milliseconds of a step by what they were spent on. */
export function stepTime(data: RunData): Html | undefined {
  const rows = data.phases.flatMap((phase) => {
    const lines = data.metrics.filter((line) =>
      line.phase === phase && line.split === "train" &&
      PARTS.some(([, key]) => asFigure(line[key]) !== undefined)
    );
    if (lines.length === 0) return [];
    const mean = (key: typeof PARTS[number][1] | "step_ms") =>
      lines.reduce(
        (sum, line) => sum + Math.max(0, asFigure(line[key]) ?? 0),
        0,
      ) / lines.length;
    const parts = PARTS.map(([, key]) => mean(key));
    const named = parts.reduce((a, b) => a + b, 0);
    parts.push(Math.max(0, mean("step_ms") - named));
    return [{ label: titleOf(phase), parts }];
  });
  return rows.length === 0 ? undefined : stackChart({
    id: "step-time",
    title: "Mean time of a step",
    names: [...PARTS.map(([name]) => name), "other"],
    rows,
    total: (sum) => `${format(sum, "number")} ms`,
  });
}

/** The matrix with the pairs that are mixed up most beside it. */
export function confusionSection(data: RunData): Html | undefined {
  const { confusion, metrics } = data;
  if (!confusion) return undefined;
  const worst = worstPairs(confusion, 10);
  const shipped = textAt(data.summary, "shipped", "phase");
  const phase = shipped ??
    metrics.findLast(({ split }) => split === "test")?.phase;
  const model = phase !== undefined &&
    html`<p class="hint">Test images, classified by ${
      shorten(titleOf(phase), 40)
    }, ${
      shipped === undefined ? "the last model tested" : "the shipped model"
    }.</p>`;
  const classes = confusion.names.length;
  const matrix = classes <= MOST_DRAWN ? heatMap("confusion", confusion) : html`
    <p
      class="hint">The matrix of ${groupDigits(
        classes,
      )} classes is too fine to draw; its counts are in <code>confusion.csv</code>.</p>
  `;
  return html`${model}<div class="split">${matrix}<div>
<h3>Mixed up most</h3>
${
    worst.length === 0
      ? html`<p class="empty">Nothing: every image is right.</p>`
      : html`
        <table>
          <thead>
            <tr>
              <th scope="col">True class</th>
              <th scope="col">Taken for</th>
              <th scope="col" class="n">Images</th>
              <th scope="col" class="n">Share</th>
            </tr>
          </thead>
          <tbody>${worst.map((pair) =>
            html`
              <tr>
                <td>${shorten(pair.from, 24)}</td>
                <td>${shorten(pair.to, 24)}</td>
                <td class="n">${groupDigits(pair.count)}</td>
                <td class="n">${format(pair.share, "percent")}</td>
              </tr>
            `
          )}</tbody>
        </table>
      `
  }</div></div>`;
}

/** What the run has warned of, in the order it was said. */
export function warnings({ run }: RunData): Html | undefined {
  const said = listAt(run, "warnings").slice(0, 200)
    .filter((text) => typeof text === "string");
  if (said.length === 0) return undefined;
  return html`<ul id="warnings">${
    said.map((text) => html`<li>${shorten(text, 1000)}</li>`)
  }</ul>`;
}

/** Who trained, and with which settings. */
export function machine(data: RunData): Html {
  const ranks = listAt(data.run, "ranks").slice(0, 1024);
  return html`
    ${ranks.length > 0 &&
      html`
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col" class="n">Rank</th>
                <th scope="col">Host</th>
                <th scope="col" class="n">Process</th>
                <th scope="col">Adapter</th>
                <th scope="col">Wire, made good</th>
              </tr>
            </thead>
            <tbody>${ranks.map((rank) =>
              html`
                <tr>
                  <td class="n">${String(numberAt(rank, "rank") ?? "–")}</td>
                  <td>${shorten(textAt(rank, "host") ?? "–", 60)}</td>
                  <td class="n">${String(numberAt(rank, "pid") ?? "–")}</td>
                  <td>${shorten(adapterOf(rank), 80)}</td>
                  <td>${wireOf(rank)}</td>
                </tr>
              `
            )}</tbody>
          </table>
        </div>
      `}
    <details>
      <summary>Configuration</summary>
      <pre>${JSON.stringify(data.config, null, 2).slice(0, 100_000)}</pre>
    </details>
    <details>
      <summary>Run</summary>
      <pre>${JSON.stringify(data.run, null, 2).slice(0, 100_000)}</pre>
    </details>
  `;
}

function adapterOf(rank: unknown): string {
  return textAt(rank, "adapter") ?? textAt(rank, "adapter", "name") ??
    textAt(rank, "adapter", "description") ??
    (valueAt(rank, "adapter") === undefined ? "–" : "?");
}

/** What the rank's link had to make good. */
function wireOf(rank: unknown): string {
  const text = describeWire(Object(valueAt(rank, "wire")));
  return text === "" ? "nothing" : shorten(text, 240);
}
