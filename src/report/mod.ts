export { renderReport, writeReport } from "./write_report.ts";
export { readRun, type RunData } from "./run_data.ts";
export { renderSweep, type SweepPage } from "./sweep_report.ts";
export { type QueuedImage, renderLabelPage } from "./label_page.ts";
