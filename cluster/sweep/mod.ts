export {
  type Axis,
  LABELS_KEY,
  type Member,
  parseAxis,
  parseLabels,
  planSweep,
  type SweepPlan,
} from "./plan.ts";
export { runMember } from "./run_member.ts";
export {
  averageSettings,
  columnsOf,
  memberFolder,
  type MemberResult,
  readMembers,
  type SettingResult,
} from "./results.ts";
export { type SweepResult, toJson, writeSweep } from "./files.ts";
