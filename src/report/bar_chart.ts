import { format, type Unit } from "./format.ts";
import { type Html, html, shorten } from "./html.ts";
import type { Tone } from "./line_chart.ts";
import { niceScale, round } from "./scale.ts";

export interface Bar {
  label: string;
  value: number;
  tone: Tone;
}

const WIDTH = 820;
const LEFT = 220;
/** Characters of a name beside its bar. */
const NAME = 31;
const ROW = 34;
const THICK = 20;

/** Horizontal bars from 0 with their values, and a level to compare with. */
export function barChart(chart: {
  id: string;
  title: string;
  unit: Unit;
  bars: readonly Bar[];
  max?: number;
  reference?: { value: number; label: string };
}): Html {
  const bars = chart.bars.filter(({ value }) => Number.isFinite(value));
  if (bars.length === 0) {
    return html`
      <figure class="chart wide" id="${chart.id}">
        <figcaption>${chart.title}</figcaption>
        <p class="empty">No figures yet.</p>
      </figure>
    `;
  }
  const x = niceScale(bars.map(({ value }) => value), [LEFT, WIDTH - 64], {
    include: [0],
    ...(chart.max !== undefined ? { max: chart.max } : {}),
  });
  const top = chart.reference ? 20 : 6;
  const bottom = top + bars.length * ROW;
  const line = chart.reference;
  return html`
    <figure class="chart wide" id="${chart.id}" data-chart="bar">
      <figcaption>${chart.title}</figcaption>
      <svg viewBox="0 0 ${WIDTH} ${bottom + 6}" role="img"
        aria-label="${chart.title}">
    ${bars.map((bar, i) => {
      const y = top + i * ROW;
      const width = Math.max(1, round(x.at(bar.value) - LEFT));
      return html`
        <text class="name" x="${LEFT - 12}" y="${y + ROW / 2 + 4}"
          text-anchor="end">${shorten(bar.label, NAME)}</text>
        <path class="mark fill ${bar.tone}" d="${barPath(
          y + (ROW - THICK) / 2,
          width,
        )}">
          <title>${bar.label}: ${format(bar.value, chart.unit)}</title>
        </path>
      `;
    })}
    <line class="base" x1="${LEFT}" x2="${LEFT}" y1="${top}" y2="${bottom}"/>
    ${line && html`
      <line class="reference" x1="${x.at(line.value)}" x2="${x.at(
        line.value,
      )}" y1="${top - 4}"
        y2="${bottom}" />
      <text class="label" x="${x.at(line.value)}" y="${top - 9}"
        text-anchor="middle">${line.label}</text>
    `}
    ${bars.map((bar, i) =>
      html`
        <text class="value" x="${round(x.at(bar.value)) + 8}" y="${top +
          (i + 0.5) * ROW + 4}">${format(bar.value, chart.unit)}</text>
      `
    )}
      </svg>
    </figure>
  `;
}

/** A bar from the axis, round only at its end. */
function barPath(y: number, width: number): string {
  const r = Math.min(4, width);
  return `M${LEFT} ${y}h${round(width - r)}q${r} 0 ${r} ${r}v${
    THICK - 2 * r
  }q0 ${r} ${-r} ${r}H${LEFT}z`;
}

export interface Stack {
  label: string;
  /** Parts in the order of the names. */
  parts: readonly number[];
}

const TONES: readonly Tone[] = [
  "orange",
  "sky",
  "blue",
  "purple",
  "green",
  "gray",
];

/** One bar per row, cut into named parts that sum up to the row's total. */
export function stackChart(chart: {
  id: string;
  title: string;
  names: readonly string[];
  rows: readonly Stack[];
  /** Text after each bar. */
  total(sum: number): string;
}): Html {
  const used = chart.names.map((_, p) =>
    chart.rows.some(({ parts }) => (parts[p] ?? 0) > 0)
  );
  const sums = chart.rows.map(({ parts }) => parts.reduce((a, b) => a + b, 0));
  const x = niceScale(sums, [LEFT, WIDTH - 84], { include: [0] });
  const bottom = 6 + chart.rows.length * ROW;
  return html`
    <figure class="chart wide" id="${chart.id}" data-chart="stack">
      <figcaption>${chart.title}</figcaption>
      <svg viewBox="0 0 ${WIDTH} ${bottom + 6}" role="img"
        aria-label="${chart.title}">
    ${chart.rows.map((row, i) => {
      const y = 6 + i * ROW;
      let from = 0;
      return html`
        <text class="name" x="${LEFT - 12}" y="${y + ROW / 2 + 4}"
          text-anchor="end">${shorten(row.label, NAME)}</text>${row.parts.map(
            (part, p) => {
              const start = x.at(from);
              from += part;
              const width = round(x.at(from) - start);
              const share = format(part / (sums[i]! || 1), "percent");
              return width > 0 && html`
                <rect class="mark fill ${TONES[
                  p % TONES.length
                ]!}" x="${start}" y="${y + (ROW - THICK) / 2}"
                  width="${width}" height="${THICK}">
                  <title>${row.label}, ${chart.names[p]}: ${format(
                    part,
                    "number",
                  )} ms, ${share}</title>
                </rect>${width > 44 && html`
                  <text class="inside" x="${round(start + width / 2)}" y="${y +
                    ROW / 2 + 4}"
                    text-anchor="middle">${share}</text>
                `}
              `;
            },
          )}<text class="value"
          x="${x.at(sums[i]!) + 8}" y="${y + ROW / 2 + 4}">${chart.total(
            sums[i]!,
          )}</text>
      `;
    })}
    <line class="base" x1="${LEFT}" x2="${LEFT}" y1="4" y2="${bottom}"/>
      </svg>
      <div class="legend">${chart.names.map((name, p) =>
        used[p] && html`
          <span
            class="key ${TONES[
              p % TONES.length
            ]!}"><svg viewBox="0 0 12 12" aria-hidden="true"><rect class="fill" width="12" height="12" rx="2"/></svg>${name}</span>
        `
      )}</div>
    </figure>
  `;
}
