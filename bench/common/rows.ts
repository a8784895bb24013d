/** What a peer, or another design, reached in the same run. */
export interface Rival {
  /** In the row's unit. */
  readonly median: number;
  /** Ours over theirs: above 1 we are faster. */
  readonly ratio: number;
  /** Images of one step, where it could not run ours. */
  readonly batch?: number;
  readonly [detail: string]: unknown;
}

/** One measured figure; `bench … --json` prints a list of them. */
export interface Row {
  readonly name: string;
  readonly shape: string;
  /** Of a matrix product: which operands are stored transposed. */
  readonly layout?: string;
  readonly form: string;
  readonly precision: string;
  readonly unit: string;
  /** In `unit`, median over the runs. */
  readonly median: number;
  /** Distance between the quartiles over the median. */
  readonly spread: number;
  readonly runs: number;
  /** Milliseconds of one execution, median. */
  readonly ms: number;
  /** The same figure by CPU seconds of this process instead of wall time. */
  readonly per_cpu_second?: number;
  /** What the ceiling reached between the same runs, in `unit`. */
  readonly ceiling?: number;
  readonly ceiling_name?: string;
  /** Share of the ceiling: median of the ratios of neighbouring runs. */
  readonly ratio?: number;
  /** The same share by CPU time. */
  readonly cpu_ratio?: number;
  /** Largest error over the largest value of the reference. */
  readonly error?: number;
  /** Values that the reference does not agree with; 0 or the figure is worthless. */
  readonly wrong: number;
  readonly ours?: number;
  readonly peers?: Readonly<Record<string, Rival>>;
  /** Other designs of the same product on the same adapter. */
  readonly candidates?: Readonly<Record<string, Rival>>;
  /** Our product of about the same size without edges: its ratio is what they leave. */
  readonly round?: Readonly<Record<string, Rival>>;
  readonly [detail: string]: unknown;
}

/** Three significant digits, without an exponent. */
export function figure(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "-";
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

export function percent(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value)
    ? "-"
    : `${Math.round(100 * value)} %`;
}
