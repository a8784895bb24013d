export { createRule, type RuleName } from "./create_rule.ts";
export { FlexMatchRule } from "./flexmatch_rule.ts";
export { FreeMatchRule } from "./freematch_rule.ts";
export type { PseudoLabelRule, PseudoLabels, RuleState } from "./rule.ts";
export { SoftMatchRule } from "./softmatch_rule.ts";
export { ThresholdRule } from "./threshold_rule.ts";
