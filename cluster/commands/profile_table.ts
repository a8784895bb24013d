import { percent } from "../../src/evaluation/mod.ts";
import type { ProfilePart, ProfileRow } from "../../src/run/mod.ts";
import type { Console } from "../console.ts";

/** Ops below this share of the step are summed up in one line. */
const LEAST_SHARE = 0.002;

/** Prints rank 0's time by op for each phase, and where the trace is. */
export function showProfile(
  terminal: Console,
  { path, parts }: { path: string; parts: readonly ProfilePart[] },
): void {
  for (const part of parts) {
    if (part.rank !== 0) continue;
    for (const line of profileLines(part)) terminal.result(line);
  }
  terminal.result(`trace    ${path}`);
}

/** The table of one phase on one rank. */
export function profileLines(part: ProfilePart): string[] {
  const { phase, rank, steps, stepMs, gpuMs } = part;
  const rows = part.rows.filter(({ share }) => share >= LEAST_SHARE);
  const rest = part.rows.filter(({ share }) => share < LEAST_SHARE);
  if (rest.length > 0) {
    rows.push({
      op: `(${rest.length} others)`,
      count: sum(rest, ({ count }) => count),
      ms: sum(rest, ({ ms }) => ms),
      share: sum(rest, ({ share }) => share),
    });
  }
  const width = Math.max(...rows.map(({ op }) => op.length), 2);
  return [
    "",
    `profile  ${phase}, rank ${rank}: ${steps} steps of ${
      stepMs.toFixed(1)
    } ms, ${gpuMs.toFixed(1)} ms on the GPU`,
    line(width, ["op", "count", "ms", "share", "GFLOP/s", "GB/s"]),
    ...rows.map((row) =>
      line(width, [
        row.op,
        row.count.toFixed(0),
        row.ms.toFixed(3),
        percent(row.share),
        row.gflops?.toFixed(1) ?? "",
        row.gbs?.toFixed(1) ?? "",
      ])
    ),
  ];
}

function sum(
  rows: readonly ProfileRow[],
  value: (row: ProfileRow) => number,
): number {
  return rows.reduce((total, row) => total + value(row), 0);
}

function line(width: number, cells: readonly string[]): string {
  const [op = "", ...figures] = cells;
  return `  ${op.padEnd(width)}${
    figures.map((cell) => cell.padStart(10)).join("")
  }`.trimEnd();
}
