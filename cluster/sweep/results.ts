import type { Disk } from "../../src/env/mod.ts";
import { type Estimate, estimate } from "../../src/evaluation/mod.ts";
import { PHASES } from "../../src/phases/mod.ts";
import { RunFolder } from "../../src/run/mod.ts";
import type { Member } from "./plan.ts";

/** A member with its figures, as far as it has come. */
export interface MemberResult extends Member {
  state: "waiting" | "done" | "failed" | "stopped";
  /** Figure of each phase, the shipped model and the pixel ridge. */
  figures: Readonly<Record<string, number>>;
}

/** A setting over its seeds. */
export interface SettingResult {
  setting: Readonly<Record<string, string>>;
  /** By the names of {@linkcode columnsOf}. */
  estimates: Readonly<Record<string, Estimate>>;
}

/** What is compared: phases, what was shipped, the gain of self-training, the floor. */
const COLUMNS = [...PHASES, "shipped", "gain", "pixel_ridge"] as const;

/** Reads what a member's run folder holds. */
export async function readMember(
  disk: Disk,
  { member, folder, figure }: {
    member: Member;
    folder: string;
    figure: string;
  },
): Promise<MemberResult> {
  const run = new RunFolder(disk, memberFolder(folder, member));
  const { state } = await run.readJson("run.json") ?? {};
  const summary = await run.readJson("summary.json") ?? {};
  const phases = Object(summary.phases) as Record<
    string,
    Record<string, unknown>
  >;
  const figures: Record<string, number> = {};
  const put = (name: string, value: unknown) => {
    if (typeof value === "number") figures[name] = value;
  };
  for (const [phase, values] of Object.entries(phases)) {
    put(phase, values[figure]);
    if (figure === "test_accuracy") {
      put("pixel_ridge", values.pixel_ridge_accuracy);
    }
  }
  put("shipped", phases[Object(summary.shipped).phase]?.[figure]);
  const { selfTrain, baseline } = figures;
  if (selfTrain !== undefined && baseline !== undefined) {
    figures.gain = selfTrain - baseline;
  }
  return {
    ...member,
    figures,
    state: state === "done" || state === "failed" || state === "stopped"
      ? state
      : "waiting",
  };
}

/** Names of the figures that a run's summary has. */
export async function figureNames(
  disk: Disk,
  run: string,
): Promise<string[]> {
  const summary = await new RunFolder(disk, run).readJson("summary.json");
  const phases = Object.values(Object(summary?.phases)).map(Object);
  const names = phases.flatMap((values) =>
    Object.keys(values).filter((name) => typeof values[name] === "number")
  );
  return [...new Set(names)].sort();
}

export function membersFolder(folder: string): string {
  return `${folder}/members`;
}

export function memberFolder(folder: string, { name }: Member): string {
  return `${membersFolder(folder)}/${name}`;
}

/** Averages the finished members of each setting over the seeds. */
export function averageSettings(
  members: readonly MemberResult[],
): SettingResult[] {
  const groups = new Map<string, MemberResult[]>();
  for (const member of members) {
    const key = JSON.stringify(member.setting);
    groups.set(key, [...groups.get(key) ?? [], member]);
  }
  return [...groups.values()].map((group) => {
    const done = group.filter(({ state }) => state === "done");
    const estimates: Record<string, Estimate> = {};
    for (const column of COLUMNS) {
      const values = done.map(({ figures }) => figures[column])
        .filter((value) => value !== undefined);
      if (values.length > 0) estimates[column] = estimate(values);
    }
    return { setting: group[0]!.setting, estimates };
  });
}

/** The columns that any setting has. */
export function columnsOf(settings: readonly SettingResult[]): string[] {
  return COLUMNS.filter((column) =>
    settings.some(({ estimates }) => estimates[column] !== undefined)
  );
}
