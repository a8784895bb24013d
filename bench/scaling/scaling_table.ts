import { figure, percent, type Row } from "../common/rows.ts";

/** Headings, then one line a number of ranks. */
export function scalingTable(rows: readonly Row[]): string[][] {
  const timed = rows.some(({ target }) => target !== undefined);
  return [
    [
      "mode",
      "ranks",
      "batch",
      "images/s",
      "spread",
      "step ms",
      "speed-up",
      "efficiency",
      "exposed ms",
      "busbw GB/s",
      "predicted ms",
      "error",
      ...(timed ? ["s to target"] : []),
    ],
    ...rows.map((row) => [
      row.mode as string,
      `${row.ranks}`,
      `${row.global_batch}`,
      figure(row.median),
      percent(row.spread),
      figure(row.ms),
      figure(row.speed_up as number),
      percent(row.efficiency as number),
      figure(row.exposed_ms as number),
      figure((row.busbw as number | undefined ?? NaN) / 1e9),
      figure(row.predicted_ms as number | undefined),
      percent(row.prediction_error as number | undefined),
      ...(timed ? [figure(row.seconds_to_target as number)] : []),
    ]),
  ];
}
