import type { Config } from "../config/mod.ts";
import type { AnnealingSchedule, RuleName } from "./rules/mod.ts";

type Options = Config["phases"]["selfTrain"];

/** How a method of self-training works, beside the rule that labels. */
export interface Method {
  /**
   * When unlabelled images get labels: in every step by a rule, all of them once a
   * round, or never, since only their two views shall agree.
   */
  labels: { when: "step"; rule: RuleName } | { when: "round" | "never" };
  /** The student labels, not its average. */
  ownLabels: boolean;
  /** The views that are learned from are weak ones too. */
  weakOnly: boolean;
  /** Weight of the squared difference between the views' probabilities. */
  consistency: number;
  mix: "off" | "beta" | "confidence";
  /** Targets are probabilities of all classes. */
  soft: boolean;
  /** Every round begins with the phase's first weights. */
  restarts: boolean;
  /** Weight of the fairness loss. */
  fairness: number;
  annealing: AnnealingSchedule | undefined;
}

/** The method that `phases.selfTrain` asks for. */
export function methodOf(options: Options): Method {
  const { method, consistency, unlabelledWeight } = options;
  const plain: Method = {
    labels: { when: "never" },
    ownLabels: false,
    weakOnly: false,
    consistency,
    mix: "off",
    soft: false,
    restarts: false,
    fairness: 0,
    annealing: undefined,
  };
  const published = { ...plain, ...deviations() };
  const mix = options.mix === "auto" ? published.mix : options.mix;
  return { ...published, mix, soft: published.soft || mix !== "off" };

  function deviations(): Partial<Method> {
    switch (method) {
      case "pi-model":
      case "mean-teacher":
        return {
          ownLabels: method === "pi-model",
          weakOnly: true,
          consistency: consistency + unlabelledWeight,
        };
      case "noisy-student":
        return {
          labels: { when: "round" },
          soft: options.noisyStudent.labels === "soft",
          restarts: options.noisyStudent.restart,
        };
      case "pseudo-label":
        return options.rounds > 0
          ? { labels: { when: "round" } }
          : { labels: { when: "step", rule: method }, weakOnly: true };
      case "uda": {
        const { annealing } = options.uda;
        return {
          labels: { when: "step", rule: method },
          soft: true,
          annealing: annealing === "off" ? undefined : annealing,
        };
      }
      case "remixmatch":
        return {
          labels: { when: "step", rule: method },
          soft: true,
          mix: "beta",
        };
      case "semi-vit":
        return { labels: { when: "step", rule: method }, mix: "confidence" };
      case "freematch":
        return {
          labels: { when: "step", rule: method },
          fairness: options.freematch.fairness,
        };
      case "fixmatch":
      case "flexmatch":
      case "softmatch":
      case "adamatch":
        return { labels: { when: "step", rule: method } };
    }
  }
}

/** Factor of the unlabelled losses: rises from 0 to 1 over a share of the steps. */
export function rampAt(step: number, steps: number, share: number): number {
  return share > 0 ? Math.min(1, step / (share * steps)) : 1;
}
