import { table } from "../../cluster/console.ts";
import { figure, percent, type Row } from "./rows.ts";
import type { Report } from "./verb.ts";

/** One line a row, then what peers and other designs reached. */
export function rowTable(report: Report): string[] {
  const heads = [
    "op",
    "shape",
    "layout",
    "form",
    "type",
    "ms",
    "spread",
    "rate",
    "unit",
    "ceiling",
    "share",
    "by cpu",
    "per cpu-s",
    "error",
    "wrong",
  ];
  const lines = table([heads, ...report.rows.map(cells)]);
  const rivals = report.rows.flatMap(rivalLines);
  return rivals.length === 0 ? lines : [
    ...lines,
    "",
    ...table([
      [
        "op",
        "shape",
        "layout",
        "against",
        "theirs",
        "ours",
        "unit",
        "ours/theirs",
      ],
      ...rivals,
    ]),
  ];
}

function cells(row: Row): string[] {
  return [
    row.name,
    row.shape,
    row.layout ?? "",
    row.form,
    row.precision,
    figure(row.ms),
    percent(row.spread),
    figure(row.median),
    row.unit,
    figure(row.ceiling),
    percent(row.ratio),
    percent(row.cpu_ratio),
    figure(row.per_cpu_second),
    row.error === undefined ? "-" : row.error.toExponential(0),
    `${row.wrong}`,
  ];
}

function rivalLines(row: Row): string[][] {
  return [
    ...Object.entries(row.peers ?? {}),
    ...Object.entries(row.round ?? {}),
    ...Object.entries(row.candidates ?? {}).map(([name, rival]) =>
      [`design ${name}`, rival] as const
    ),
  ].map(([name, { median, ratio, batch }]) => [
    row.name,
    row.shape,
    row.layout ?? "",
    batch === undefined ? name : `${name} (batch ${batch})`,
    figure(median),
    figure(row.median),
    row.unit,
    `${figure(ratio)}x`,
  ]);
}
