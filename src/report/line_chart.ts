import { format, type Unit } from "./format.ts";
import { Html, html, shorten } from "./html.ts";
import { niceScale, round, type Scale } from "./scale.ts";

/** Colour and dash of a series; told apart without colour as well. */
export type Tone = "blue" | "orange" | "green" | "purple" | "sky" | "gray";

export interface Series {
  name: string;
  tone: Tone;
  /** `[x, y]` by rising x; values that are not finite leave a gap. */
  points: readonly (readonly [number, number])[];
}

export interface LineChart {
  /** Unique in the page. */
  id: string;
  title: string;
  xLabel: string;
  /** Between two whole values of x there is none. */
  wholeX?: boolean;
  unit: Unit;
  series: readonly Series[];
  /** Values the y axis must show. */
  include?: readonly number[];
  /** End of the y axis that is never exceeded, such as 1 for shares. */
  max?: number;
  /** A level to compare with. */
  reference?: { value: number; label: string };
  /** The legend says each line's last value; default: it does. */
  lastValues?: boolean;
}

const WIDTH = 352;
const HEIGHT = 208;
const LEFT = 44;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 34;
/** More points than this are drawn as means of neighbours. */
const MAX_POINTS = 240;
/** Up to this many points each gets a mark. */
const MAX_MARKS = 40;

/** Lines over a common x axis, with a legend and a value at each mark. */
export function lineChart(chart: LineChart): Html {
  const series = chart.series.map((line) => ({
    ...line,
    points: thin(line.points.filter(([x]) => Number.isFinite(x))),
    last: line.points.findLast(([, y]) => Number.isFinite(y))?.[1],
  })).filter((line) => line.points.some(([, y]) => Number.isFinite(y)));
  if (series.length === 0) {
    return html`
      <figure class="chart" id="${chart.id}">
        <figcaption>${chart.title}</figcaption>
        <p class="empty">No values were logged.</p>
      </figure>
    `;
  }
  const all = series.flatMap((line) => line.points);
  const x = niceScale(all.map(([value]) => value), [LEFT, WIDTH - RIGHT], {
    ticks: 5,
    include: [0],
    tight: true,
    ...(chart.wholeX ? { leastStep: 1 } : {}),
  });
  const y = niceScale(all.map(([, value]) => value), [HEIGHT - BOTTOM, TOP], {
    include: [
      ...(chart.include ?? []),
      ...(chart.reference ? [chart.reference.value] : []),
    ],
    ...(chart.max !== undefined ? { max: chart.max } : {}),
  });
  return html`
    <figure class="chart" id="${chart.id}" data-chart="line">
      <figcaption>${chart.title}</figcaption>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"
        aria-label="${chart.title}">
    ${axes(chart, x, y)}
    ${chart.reference && reference(chart.reference, y)}
    ${series.map((line) => drawSeries(line, chart.unit, x, y))}
      </svg>
      <div class="legend">${series.map((line) =>
        legendEntry(line, chart.unit, chart.lastValues ?? true)
      )}</div>
    </figure>
  `;
}

function axes(chart: LineChart, x: Scale, y: Scale): Html {
  const base = HEIGHT - BOTTOM;
  const digits = axisDigits(y, chart.unit);
  return html`
    <g
      class="axis">${y.ticks.map((tick) =>
        html`
          <line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.at(
            tick,
          )}"
            y2="${y.at(tick)}" />
          <text x="${LEFT - 6}" y="${y.at(tick) +
            3.5}" text-anchor="end">${axisLabel(
              tick,
              chart.unit,
              digits,
            )}</text>
        `
      )}${x.ticks.map((tick) =>
        html`<text x="${x.at(tick)}" y="${base + 14}" text-anchor="middle">${
          Number(tick.toPrecision(6))
        }</text>`
      )}<line class="base" x1="${LEFT}" x2="${WIDTH -
        RIGHT}" y1="${base}" y2="${base}"/><text class="label" x="${(LEFT +
          WIDTH - RIGHT) / 2}" y="${HEIGHT - 4}" text-anchor="middle">${chart
        .xLabel}</text></g>
  `;
}

function axisDigits(y: Scale, unit: Unit): number {
  const step = (y.ticks[1] ?? 1) - (y.ticks[0] ?? 0);
  const shown = unit === "percent" ? step * 100 : step;
  return Math.min(6, Math.max(0, -Math.floor(Math.log10(shown) + 1e-9)));
}

function axisLabel(tick: number, unit: Unit, digits: number): string {
  if (unit === "percent") return `${(tick * 100).toFixed(digits)}%`;
  return Math.abs(tick) >= 1e5 ? tick.toExponential(0) : tick.toFixed(digits);
}

function reference(
  { value, label }: { value: number; label: string },
  y: Scale,
): Html {
  const at = y.at(value);
  return html`
    <line class="reference" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}"
      y2="${at}" />
    <text class="label" x="${WIDTH - RIGHT}" y="${at - 4}"
      text-anchor="end">${shorten(label, 40)}</text>
  `;
}

function drawSeries(line: Series, unit: Unit, x: Scale, y: Scale): Html {
  let path = "";
  let pen = "M";
  const marks: Html[] = [];
  const visible = line.points.filter(([, value]) => Number.isFinite(value));
  for (const [px, py] of line.points) {
    if (!Number.isFinite(py)) {
      pen = "M";
      continue;
    }
    path += `${pen}${x.at(px)} ${y.at(py)}`;
    pen = "L";
    if (visible.length <= MAX_MARKS) {
      marks.push(
        html`
          <circle class="mark" cx="${x.at(px)}" cy="${y.at(py)}" r="2.4">
            <title>${line.name}: ${format(py, unit)} at ${round(px)}</title>
          </circle>
        `,
      );
    }
  }
  return html`
    <g class="series ${line.tone}"
      data-series="${line.name}"><path class="mark line" d="${new Html(
        path,
      )}"/>${marks}</g>
  `;
}

function legendEntry(
  { name, tone, last }: Pick<Series, "name" | "tone"> & {
    last: number | undefined;
  },
  unit: Unit,
  withValue: boolean,
): Html {
  const value = withValue && tone !== "gray" &&
    html`<b>${format(last, unit)}</b>`;
  return html`
    <span class="key ${tone}"
    ><svg viewBox="0 0 22 8" aria-hidden="true"><path class="line" d="M1 4H21" /></svg>${name}
      ${value}</span>
  `;
}

function thin(
  points: readonly (readonly [number, number])[],
): (readonly [number, number])[] {
  const size = Math.ceil(points.length / MAX_POINTS);
  if (size <= 1) return [...points];
  const result: [number, number][] = [];
  for (let i = 0; i < points.length; i += size) {
    const group = points.slice(i, i + size)
      .filter(([, value]) => Number.isFinite(value));
    if (group.length === 0) continue;
    result.push([
      group.reduce((sum, [value]) => sum + value, 0) / group.length,
      group.reduce((sum, [, value]) => sum + value, 0) / group.length,
    ]);
  }
  return result;
}
