import { format } from "./format.ts";
import { Html, html, shorten } from "./html.ts";
import type { Tone } from "./line_chart.ts";
import { niceScale, round } from "./scale.ts";

/** A mean with its interval; both ends are NaN where there is none. */
export interface IntervalPoint {
  x: number;
  mean: number;
  low: number;
  high: number;
}

export interface IntervalSeries {
  name: string;
  tone: Tone;
  points: readonly IntervalPoint[];
}

const WIDTH = 820;
const HEIGHT = 380;
const LEFT = 52;
const RIGHT = 16;
const TOP = 14;
const BOTTOM = 44;
/** Pixels between the bars of neighbouring series, so that they do not hide each other. */
const APART = 5;

/**
 * Means joined by lines over a logarithmic axis, with their intervals as bars.
 * Shares in percent.
 */
export function intervalChart(chart: {
  id: string;
  title: string;
  xLabel: string;
  series: readonly IntervalSeries[];
}): Html {
  const { id, title, xLabel } = chart;
  const series = chart.series.filter(({ points }) => points.length > 0);
  const xs = [
    ...new Set(series.flatMap(({ points }) => points.map(({ x }) => x))),
  ].sort((a, b) => a - b);
  if (xs.length === 0) {
    return html`
      <figure class="chart wide" id="${id}">
        <figcaption>${title}</figcaption>
        <p class="empty">No run has finished yet.</p>
      </figure>
    `;
  }
  const values = series.flatMap(({ points }) =>
    points.flatMap(({ mean, low, high }) => [mean, low, high])
  ).map((value) => Math.min(1, Math.max(0, value)));
  const y = niceScale(values, [HEIGHT - BOTTOM, TOP], { max: 1, ticks: 6 });
  const [first, last] = [Math.log(xs[0]!), Math.log(xs.at(-1)!)];
  const inner = 40;
  const at = (x: number) =>
    last === first ? (LEFT + WIDTH - RIGHT) / 2 : LEFT + inner +
      (WIDTH - RIGHT - LEFT - 2 * inner) * (Math.log(x) - first) /
        (last - first);
  const base = HEIGHT - BOTTOM;
  return html`
    <figure class="chart wide" id="${id}" data-chart="interval">
      <figcaption>${title}</figcaption>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"
        aria-label="${title}">
        <g class="axis">${y.ticks.map((tick) =>
          html`
            <line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.at(
              tick,
            )}"
              y2="${y.at(tick)}" />
            <text x="${LEFT - 8}" y="${y.at(tick) +
              4}" text-anchor="end">${`${Math.round(tick * 1000) / 10}%`}</text>
          `
        )}${xs.map((x) =>
          html`<text x="${round(at(x))}" y="${
            base + 18
          }" text-anchor="middle">${String(x)}</text>`
        )}<line class="base" x1="${LEFT}" x2="${WIDTH -
          RIGHT}" y1="${base}" y2="${base}" /><text class="label" x="${(LEFT +
            WIDTH - RIGHT) / 2}" y="${HEIGHT -
          6}" text-anchor="middle">${xLabel}</text></g>
        ${series.map((line, i) =>
          drawSeries(line, {
            at: (x) => at(x) + APART * (i - (series.length - 1) / 2),
            y: (value) => y.at(Math.min(1, Math.max(0, value))),
          })
        )}
      </svg>
      <div class="legend">${series.map(({ name, tone }) =>
        html`
          <span
            class="key ${tone}"><svg viewBox="0 0 22 8" aria-hidden="true"><path class="line" d="M1 4H21" /></svg>${name}</span>
        `
      )}</div>
    </figure>
  `;
}

function drawSeries(
  { name, tone, points }: IntervalSeries,
  { at, y }: { at(x: number): number; y(value: number): number },
): Html {
  const path = points.map(({ x, mean }, i) =>
    `${i === 0 ? "M" : "L"}${round(at(x))} ${round(y(mean))}`
  ).join("");
  return html`
    <g class="series ${tone}" data-series="${name}"
    ><path class="line" d="${new Html(path)}" />${points.map((point) => {
      const { x, mean, low, high } = point;
      const left = round(at(x));
      const known = Number.isFinite(low) && Number.isFinite(high);
      return html`
        ${known &&
          html`
            <path class="whisker"
              d="M${left} ${round(y(low))}V${round(y(high))}M${left -
                4} ${round(y(low))}h8M${left - 4} ${round(y(high))}h8" />
          `}
        <circle class="mark" cx="${left}" cy="${round(y(mean))}" r="4">
          <title>${shorten(name, 40)} at ${String(x)}: ${format(
            mean,
            "percent",
          )}${known &&
            `, 95 % interval ${format(low, "percent")} to ${
              format(high, "percent")
            }`}</title>
        </circle>
      `;
    })}</g>
  `;
}
