export { GROUPS } from "./groups.ts";
export type { FileReport, GoldenReport, GroupReport } from "./report.ts";
export { runGolden } from "./run_golden.ts";
