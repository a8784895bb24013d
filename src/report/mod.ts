export { renderReport, writeReport } from "./write_report.ts";
export { readRun, type RunData } from "./run_data.ts";
