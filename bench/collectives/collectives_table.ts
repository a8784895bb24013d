import { table } from "../../cluster/console.ts";
import { figure, percent } from "../common/rows.ts";
import type { Report } from "../common/verb.ts";
import type { CollectiveRow } from "./collective_rows.ts";

/** Columns of nccl-tests, then what ours has besides. */
export function collectivesTable({ rows }: Report): string[] {
  const all = rows as readonly CollectiveRow[];
  const compared = all.flatMap((row) =>
    Object.entries(row.peers ?? {}).map((
      [name, { median, ratio, cpu_ratio }],
    ) => [
      row.name,
      row.shape,
      row.link,
      name,
      figure(row.algbw),
      figure(median),
      `${figure(ratio)}x`,
      `${figure(cpu_ratio as number)}x`,
    ])
  );
  const lines = table([
    [
      "call",
      "link",
      "ranks",
      "size",
      "count",
      "type",
      "redop",
      "time us",
      "p99 us",
      "algbw",
      "busbw",
      "#wrong",
      "ceiling",
      "share",
      "by cpu",
      "cpu-s/GB",
      "resent",
    ],
    ...all.map((row) => [
      row.name,
      row.link,
      `${row.ranks}`,
      `${row.size}`,
      `${row.count}`,
      row.precision === "bf16" ? "bfloat16" : "float",
      row.redop,
      figure(row.p50_us),
      figure(row.p99_us),
      figure(row.algbw),
      figure(row.busbw),
      `${row.wrong}`,
      figure(row.ceiling),
      percent(row.ratio),
      percent(row.cpu_ratio),
      figure(row.cpu_s_per_gb),
      `${row.resent}`,
    ]),
  ]);
  return compared.length === 0 ? lines : [
    ...lines,
    "",
    ...table([
      ["call", "size", "link", "against", "ours", "theirs", "speed", "by cpu"],
      ...compared,
    ]),
  ];
}
