import { AdaMatchRule } from "./adamatch_rule.ts";
import { FlexMatchRule } from "./flexmatch_rule.ts";
import { FreeMatchRule } from "./freematch_rule.ts";
import { ReMixMatchRule } from "./remixmatch_rule.ts";
import type { PseudoLabelRule } from "./rule.ts";
import { SoftMatchRule } from "./softmatch_rule.ts";
import { ThresholdRule } from "./threshold_rule.ts";
import { UdaRule } from "./uda_rule.ts";

/** Constants of all rules: keys of `phases.selfTrain`, and facts of the data. */
export interface RuleOptions {
  classes: number;
  /** Number of unlabelled images. */
  total: number;
  /** Share of each class among the labels. */
  prior: readonly number[];
  threshold: number;
  momentum: number;
  uda: { temperature: number };
  flexmatch: { warmup: boolean };
  softmatch: { sigmas: number };
  remixmatch: { temperature: number };
}

const RULES = {
  "pseudo-label": (options: RuleOptions) => new ThresholdRule(options),
  uda: (options: RuleOptions) =>
    new UdaRule({ ...options, temperature: options.uda.temperature }),
  fixmatch: (options: RuleOptions) => new ThresholdRule(options),
  flexmatch: (options: RuleOptions) =>
    new FlexMatchRule({ ...options, warmup: options.flexmatch.warmup }),
  freematch: (options: RuleOptions) => new FreeMatchRule(options),
  softmatch: (options: RuleOptions) =>
    new SoftMatchRule({ ...options, sigmas: options.softmatch.sigmas }),
  adamatch: (options: RuleOptions) => new AdaMatchRule(options),
  remixmatch: (options: RuleOptions) =>
    new ReMixMatchRule({
      ...options,
      temperature: options.remixmatch.temperature,
    }),
  "semi-vit": (options: RuleOptions) => new ThresholdRule(options),
};

/** The rules that label a weak view in every step, by their name in the configuration. */
export type RuleName = keyof typeof RULES;

/** Makes the rule of `phases.selfTrain.method`. */
export function createRule(
  name: RuleName,
  options: RuleOptions,
): PseudoLabelRule {
  return RULES[name](options);
}
