import { parseCsv } from "../run/mod.ts";

/** A line of `suspected_labels_<phase>.csv`. */
export interface SuspectRow {
  part: string;
  name: string;
  label: string;
  suggested: string;
  confidence: number;
}

/** A line of `duplicates.csv`. */
export interface DuplicateRow {
  group: string;
  part: string;
  name: string;
  label: string;
  /** To the one it is most like, 1 = equal pixels. */
  likeness: number;
  mirrored: boolean;
}

/** A line of `pseudo_labels.csv`. */
export interface PseudoLabelRow {
  name: string;
  label: string;
  className: string;
  confidence: number;
  kept: boolean;
  reason: string;
  firstRound: string;
  timesUsed: number;
  timesSeen: number;
  flips: number;
  /** Empty where it is not known. */
  truth: string;
}

/** Lines of a table as objects by the names in its header. */
function records(text: string | undefined): Record<string, string>[] {
  if (text === undefined) return [];
  const [header, ...rows] = parseCsv(text);
  return rows.map((row) =>
    Object.fromEntries((header ?? []).map((name, i) => [name, row[i] ?? ""]))
  );
}

/** Lines of a table of labels that have one. */
export function countLabels(text: string | undefined): number {
  return records(text).filter(({ label }) => label !== "").length;
}

export function readSuspects(text: string | undefined): SuspectRow[] {
  return records(text).map((row) => ({
    part: row.part ?? "",
    name: row.name ?? "",
    label: row.label ?? "",
    suggested: row.suggested ?? "",
    confidence: Number(row.confidence),
  }));
}

export function readDuplicates(text: string | undefined): DuplicateRow[][] {
  const groups = new Map<string, DuplicateRow[]>();
  for (const row of records(text)) {
    const { group = "", part = "", name = "", label = "" } = row;
    const members = groups.get(group) ?? [];
    const likeness = Number(row.likeness);
    const mirrored = row.mirrored === "1";
    members.push({ group, part, name, label, likeness, mirrored });
    groups.set(group, members);
  }
  return [...groups.values()];
}

export function readPseudoLabels(text: string | undefined): PseudoLabelRow[] {
  return records(text).map((row) => ({
    name: row.name ?? "",
    label: row.label ?? "",
    className: row.class ?? "",
    confidence: Number(row.confidence),
    kept: row.kept === "1",
    reason: row.reason ?? "",
    firstRound: row.first_round ?? "",
    timesUsed: Number(row.times_used),
    timesSeen: Number(row.times_seen),
    flips: Number(row.flips),
    truth: row.true_label ?? "",
  }));
}
