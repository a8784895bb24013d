import type { Group } from "./groups.ts";

/** The worst tensor of one group of a file. */
export interface GroupReport {
  group: string;
  passed: boolean;
  /** Tensors compared. */
  tensors: number;
  /** Largest error in the group's measure; `null` when it is not finite. */
  worst: number | null;
  /** The tensor with the largest error. */
  tensor: string;
  tolerance: number;
  measure: Group["measure"];
  /** Why the group failed, where figures do not tell. */
  message?: string;
}

/** What a golden file said about this program. */
export interface FileReport {
  file: string;
  /** Kind of case that the name stands for; empty when none. */
  case: string;
  groups: GroupReport[];
  /** Values that are not compared, and why. */
  excused: { tensor: string; reason: string }[];
}

export interface GoldenReport {
  files: FileReport[];
  /** Groups within and outside their tolerance. */
  passed: number;
  failed: number;
}

/** A group that is no comparison of values: passed, or failed with a reason. */
export function verdict(group: string, message?: string): GroupReport {
  return {
    group,
    passed: message === undefined,
    tensors: 0,
    worst: 0,
    tensor: "",
    tolerance: 0,
    measure: "absolute",
    ...(message === undefined ? {} : { message }),
  };
}
