export {
  type Engine,
  type EngineOptions,
  type LogLevel,
  type PhaseName,
  type PhaseOutcome,
  PHASES,
  type PhaseSummary,
  type Progress,
} from "./engine.ts";
export { openEngine } from "./open_engine.ts";
export { NumericError } from "./training_loop.ts";
export { decideShipped, type Verdict } from "./verdict.ts";
