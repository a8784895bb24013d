import { table } from "../../cluster/console.ts";
import { figure, percent } from "../common/rows.ts";
import type { Report } from "../common/verb.ts";

/** A line a model, then the peers of the first. */
export function stepTable({ rows }: Report): string[] {
  const lines = table([
    [
      "model",
      "form",
      "type",
      "images/s",
      "spread",
      "ms",
      "GFLOP/s",
      "ceiling",
      "share",
      "by cpu",
      "images/cpu-s",
      "error",
      "wrong",
    ],
    ...rows.map((row) => [
      row.shape,
      row.form,
      row.precision,
      figure(row.median),
      percent(row.spread),
      figure(row.ms),
      figure(row.gflops as number),
      figure(row.ceiling_gflops as number),
      percent(row.ratio),
      percent(row.cpu_ratio),
      figure(row.per_cpu_second),
      row.error!.toExponential(0),
      `${row.wrong}`,
    ]),
  ]);
  const rivals = rows.flatMap((row) =>
    Object.entries(row.peers ?? {}).map(([name, rival]) => [
      name,
      row.shape,
      `${rival.batch}`,
      figure(rival.median),
      figure(row.median),
      `${figure(rival.ratio)}x`,
      `${figure(rival.cpu_ratio as number)}x`,
      `${figure(rival.first_step_ms as number / 1000)} s`,
    ])
  );
  return rivals.length === 0 ? lines : [
    ...lines,
    "",
    ...table([
      [
        "peer",
        "model",
        "batch",
        "images/s",
        "ours",
        "ours/theirs",
        "by cpu",
        "its first step",
      ],
      ...rivals,
    ]),
  ];
}
