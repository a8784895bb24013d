import { FlexMatchRule } from "./flexmatch_rule.ts";
import { FreeMatchRule } from "./freematch_rule.ts";
import type { PseudoLabelRule } from "./rule.ts";
import { SoftMatchRule } from "./softmatch_rule.ts";
import { ThresholdRule } from "./threshold_rule.ts";

/** The rules that label a weak view in every step, by their name in the configuration. */
export type RuleName = "fixmatch" | "flexmatch" | "freematch" | "softmatch";

/** Makes the rule of `phases.selfTrain.method`. */
export function createRule(
  name: RuleName,
  options: {
    classes: number;
    /** Number of unlabelled images. */
    total: number;
    threshold: number;
    momentum: number;
  },
): PseudoLabelRule {
  switch (name) {
    case "fixmatch":
      return new ThresholdRule(options);
    case "flexmatch":
      return new FlexMatchRule({ ...options, warmup: true });
    case "freematch":
      return new FreeMatchRule(options);
    case "softmatch":
      return new SoftMatchRule(options);
  }
}
