import { format, groupDigits } from "./format.ts";
import { type Html, html, shorten } from "./html.ts";
import { round } from "./scale.ts";

/** Counts `[true, predicted]` with the names of the classes. */
export interface Confusion {
  names: readonly string[];
  /** Of each true class the counts by predicted class, but for those that are 0. */
  matrix: readonly ReadonlyMap<number, number>[];
}

/** More classes than this are smaller than a dot of the screen. */
export const MOST_DRAWN = 400;

/** Up to this many classes cells carry their counts and all axes their names. */
const NAMED = 24;
const SIDE = 560;

/**
 * A confusion matrix as a heat map. Each row is divided by its sum; the
 * diagonal (right) and the rest (wrong) differ in hue, the share in strength.
 */
export function heatMap(id: string, confusion: Confusion): Html {
  const { names, matrix } = confusion;
  const size = names.length;
  const cell = SIDE / size;
  const named = size <= NAMED;
  const left = named ? 112 : 40;
  const top = named ? 92 : 30;
  const every = named ? 1 : Math.ceil(size / 10);
  const cells: Html[] = [];
  matrix.forEach((row, t) => {
    const sum = sumOf(row);
    row.forEach((count, p) => {
      const share = count / sum;
      const x = round(left + p * cell);
      const y = round(top + t * cell);
      const tip = `${names[t]} → ${names[p]}: ${groupDigits(count)} of ${
        groupDigits(sum)
      } (${format(share, "percent")})`;
      cells.push(
        html`
          <rect class="mark cell ${t === p ? "blue" : "orange"}" x="${round(
            x + 0.5,
          )}" y="${round(y + 0.5)}"
            width="${round(cell - 1)}" height="${round(cell - 1)}" rx="${named
              ? 3
              : 0}"
            fill-opacity="${round(
              0.06 + 0.94 * share ** (named ? 0.8 : 0.45),
            )}">
            <title>${tip}</title>
          </rect>
        `,
      );
      if (named) {
        cells.push(
          html`
            <text class="count${share > 0.45 ? " strong" : ""}" x="${round(
              x + cell / 2,
            )}" y="${round(y + cell / 2 + 4)}"
              text-anchor="middle">${groupDigits(count)}</text>
          `,
        );
      }
    });
  });
  const labels = names.map((name, i) => {
    if (i % every !== 0) return undefined;
    const text = named ? shorten(name, 14) : String(i);
    const middle = round((i + 0.5) * cell);
    return html`
      <text x="${left - 8}" y="${top + middle +
        4}" text-anchor="end">${text}</text>
      <text transform="translate(${left + middle} ${top - 8})${named
        ? " rotate(-40)"
        : ""}"
        text-anchor="${named ? "start" : "middle"}">${text}</text>
    `;
  });
  const width = left + SIDE + (named ? 56 : 8);
  const height = top + SIDE + 8;
  return html`
    <figure class="chart matrix" id="${id}" data-chart="heat">
      <figcaption>Rows: true class · columns: predicted class</figcaption>
      <svg viewBox="0 0 ${width} ${height}" role="img"
        aria-label="Confusion matrix of ${size} classes">
    <rect class="ground" x="${left}" y="${top}" width="${SIDE}" height="${SIDE}" rx="4"/>
    <g class="axis">${labels}</g>${cells}
      </svg>
      <div
        class="legend"><span class="key blue"><svg viewBox="0 0 12 12" aria-hidden="true"><rect class="fill" width="12" height="12" rx="2"/></svg>right</span><span class="key orange"><svg viewBox="0 0 12 12" aria-hidden="true"><rect class="fill" width="12" height="12" rx="2"/></svg>wrong</span></div>
    </figure>
  `;
}

/** The pairs that are mixed up most: true class, prediction, count, share of the row. */
export function worstPairs(
  { names, matrix }: Confusion,
  limit: number,
): { from: string; to: string; count: number; share: number }[] {
  return matrix.flatMap((row, t) => {
    const sum = sumOf(row);
    return [...row].filter(([p]) => p !== t).map(([p, count]) => ({
      from: names[t]!,
      to: names[p]!,
      count,
      share: count / sum,
    }));
  }).sort((a, b) => b.count - a.count || b.share - a.share).slice(0, limit);
}

function sumOf(row: ReadonlyMap<number, number>): number {
  return row.values().reduce((sum, count) => sum + count, 0);
}
