import { percentDigits } from "../evaluation/mod.ts";
import { type Html, html } from "./html.ts";

/** How a figure is shown. */
export type Unit =
  | "percent"
  | "points"
  | "count"
  | "seconds"
  | "size"
  | "number"
  | "loss"
  | "rate";

const MISSING = "–";

/** `12 345`: groups of three with a narrow no-break space. */
export function groupDigits(value: number): string {
  return Math.round(value).toString().replace(
    /\B(?=(\d{3})+(?!\d))/g,
    "\u202f",
  );
}

/** A figure for people. */
export function format(value: number | undefined, unit: Unit): string {
  if (value === undefined || !Number.isFinite(value)) return MISSING;
  switch (unit) {
    case "percent":
      return `${percentDigits(value)}\u202f%`;
    case "points":
      return `${value < 0 ? "−" : "+"}${percentDigits(Math.abs(value))}`;
    case "count":
      return compact(value);
    case "size":
      return Math.abs(value) < 1e4 || Math.abs(value) >= 1e6
        ? compact(value)
        : `${(value / 1000).toFixed(0)}\u202fk`;
    case "seconds":
      return duration(value);
    case "rate":
      return `${compact(value)}/s`;
    case "loss":
      return Math.abs(value) < 1000 ? value.toFixed(3) : significant(value);
    case "number":
      return significant(value);
  }
}

function compact(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${significant(value / 1e9)}\u202fG`;
  if (size >= 1e6) return `${significant(value / 1e6)}\u202fM`;
  return size >= 100 || Number.isInteger(value)
    ? groupDigits(value)
    : significant(value);
}

function significant(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return String(Number(value.toPrecision(size >= 1000 ? 6 : 4)));
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)}\u202fs`;
  const whole = Math.round(seconds);
  const [h, m, s] = [
    Math.floor(whole / 3600),
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  return h > 0 ? `${h}\u202fh ${m}\u202fmin` : `${m}\u202fmin ${s}\u202fs`;
}

/**
 * A figure of `summary.json` with its exact value beside the rounded text;
 * `path` has dots.
 */
export function figure(
  path: string,
  value: number | undefined,
  unit: Unit,
): Html {
  return value === undefined
    ? html`<span class="missing">${MISSING}</span>`
    : html`<span data-figure="${path}" data-value="${String(value)}">${
      format(value, unit)
    }</span>`;
}
