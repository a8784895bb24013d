import type { Disk } from "../../src/env/mod.ts";
import { renderSweep } from "../../src/report/mod.ts";
import { RunFolder } from "../../src/run/mod.ts";
import { LABELS_KEY, type SweepPlan } from "./plan.ts";
import {
  averageSettings,
  columnsOf,
  type MemberResult,
  type SettingResult,
} from "./results.ts";

/** What a sweep has found so far. */
export interface SweepResult {
  figure: string;
  members: readonly MemberResult[];
  settings: readonly SettingResult[];
}

/** Writes `results.json`, `results.csv`, `members.csv` and `report.html`. */
export async function writeSweep(
  disk: Disk,
  { folder, plan, figure, members, title }: {
    folder: string;
    plan: SweepPlan;
    figure: string;
    members: readonly MemberResult[];
    title: string;
  },
): Promise<SweepResult> {
  const run = new RunFolder(disk, folder);
  const settings = averageSettings(members);
  const columns = columnsOf(settings);
  const keys = plan.axes.map(({ key }) => key);
  const result = { figure, members, settings };
  await run.writeJson("results.json", { schema: 1, ...toJson(result) });
  await run.writeTable(
    "results.csv",
    [...keys, "what", "runs", "mean", "deviation", "low", "high"],
    settings.flatMap(({ setting, estimates }) =>
      columns.flatMap((column) => {
        const found = estimates[column];
        if (found === undefined) return [];
        const { count, mean, deviation, low, high } = found;
        return [[
          ...keys.map((key) => setting[key]!),
          column,
          count,
          ...[mean, deviation, low, high].map((value) =>
            Number.isNaN(value) ? "" : value
          ),
        ]];
      })
    ),
  );
  await run.writeTable(
    "members.csv",
    [...keys, "seed", "run", "state", ...columns],
    members.map(({ setting, seed, name, state, figures }) => [
      ...keys.map((key) => setting[key]!),
      seed,
      `members/${name}`,
      state,
      ...columns.map((column) => figures[column] ?? ""),
    ]),
  );
  await run.writeText(
    "report.html",
    renderSweep({
      title,
      figure,
      labelsKey: LABELS_KEY,
      axes: plan.axes,
      seeds: plan.seeds.length,
      columns,
      settings,
      waiting: members.filter(({ state }) => state !== "done").length,
    }),
  );
  return result;
}

/** JSON has no NaN: what is not defined is null. */
export function toJson(value: SweepResult): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value));
}
