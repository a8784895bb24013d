export { renderReport, writeReport } from "./write_report.ts";
export { readRun, type RunData } from "./run_data.ts";
export { type ComparePage, renderComparison } from "./compare_report.ts";
export {
  areRepeats,
  type DifferingSetting,
  differingSettings,
} from "./differing_settings.ts";
export { type ModelCard, renderModelCard } from "./model_card.ts";
export { writeTensorBoard } from "./tensorboard.ts";
export { renderSweep, type SweepPage } from "./sweep_report.ts";
export { type QueuedImage, renderLabelPage } from "./label_page.ts";
