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
export { SharedPhases } from "./shared_phases.ts";
export { runMembers, STOPPED, WRONG } from "./run_members.ts";
export { type Machine, type Slot, slotsOf } from "./slots.ts";
export {
  averageSettings,
  columnsOf,
  figureNames,
  memberFolder,
  type MemberResult,
  membersFolder,
  readMember,
  type SettingResult,
} from "./results.ts";
export { type SweepResult, toJson, writeSweep } from "./files.ts";
