export { AdaMatchRule } from "./adamatch_rule.ts";
export { createRule, type RuleName, type RuleOptions } from "./create_rule.ts";
export { fairness } from "./fairness.ts";
export { FlexMatchRule } from "./flexmatch_rule.ts";
export { FreeMatchRule } from "./freematch_rule.ts";
export { type PseudoMix, pseudoMix } from "./pseudo_mix.ts";
export { ReMixMatchRule } from "./remixmatch_rule.ts";
export { type RoundLabels, roundLabels } from "./round_labels.ts";
export {
  type Predictions,
  type PseudoLabelRule,
  type PseudoLabels,
  type RuleState,
  topClasses,
} from "./rule.ts";
export {
  annealedWeights,
  type AnnealingSchedule,
  annealingThreshold,
} from "./signal_annealing.ts";
export { SoftMatchRule } from "./softmatch_rule.ts";
export { ThresholdRule } from "./threshold_rule.ts";
export { UdaRule } from "./uda_rule.ts";
export { type Combination, combineModels } from "./votes.ts";
