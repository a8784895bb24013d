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
export { type Context, STREAMS } from "./context.ts";
export {
  type EarlyOptions,
  type EarlyStart,
  startEarly,
} from "./early_start.ts";
export { openEngine } from "./open_engine.ts";
export { type PhasePlan, type Plan, planRun, type RankPlan } from "./plan.ts";
export { checkTask } from "./check_task.ts";
export { checkWeights } from "./check_weights.ts";
export { phaseInputs } from "./phase_inputs.ts";
export type { Recipe } from "./recipe.ts";
export { supervisedRecipe } from "./supervised.ts";
export { Provenance } from "./provenance.ts";
export { enabledPhases } from "./teachers.ts";
export { type TimedRank, timeRank } from "./timed_rank.ts";
export { decideShipped, type Verdict } from "./verdict.ts";
export { type PhaseWork, phaseWork } from "./work.ts";
