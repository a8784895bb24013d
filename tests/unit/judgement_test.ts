import { deepStrictEqual } from "node:assert";
import { parseConfig } from "../../src/config/mod.ts";
import { judgeImages } from "../../src/phases/judgement.ts";
import { FreeMatchRule, ThresholdRule } from "../../src/phases/rules/mod.ts";
import type { PseudoLabelRule } from "../../src/phases/rules/mod.ts";
import { methodOf } from "../../src/phases/self_train_method.ts";

/** Four images of class 0, one of class 1. */
const PROBABILITIES = [0.95, 0.05, 0.9, 0.1, 0.85, 0.15, 0.6, 0.4, 0.3, 0.7];

function judge(
  selfTrain: Record<string, unknown>,
  { rule, floor = 0 }: { rule?: PseudoLabelRule; floor?: number } = {},
): [string, number, string][] {
  const options = parseConfig({ phases: { selfTrain } }).phases.selfTrain;
  const { labels, weights, whyNot } = judgeImages(PROBABILITIES, {
    classes: 2,
    rule,
    method: methodOf(options),
    options,
    floor,
  });
  return [...labels].map((label, i) => [
    `class ${label}`,
    weights[i]!,
    weights[i]! > 0 ? "" : whyNot(i),
  ]);
}

Deno.test("judgeImages() gives the threshold that an image missed: the rule's own, or the guard's", () => {
  const rule = new ThresholdRule({ classes: 2, threshold: 0.8 });
  const below = "confidence below 0.8";
  deepStrictEqual(judge({ method: "fixmatch" }, { rule }), [
    ["class 0", 1, ""],
    ["class 0", 1, ""],
    ["class 0", 1, ""],
    ["class 0", 0, below],
    ["class 1", 0, below],
  ]);
  deepStrictEqual(
    judge({ method: "fixmatch" }, { rule, floor: 0.92 }).map(([, , why]) =>
      why
    ),
    ["", ...Array.from({ length: 4 }, () => "confidence below 0.92")],
  );
  const own = new FreeMatchRule({ classes: 2, momentum: 0 });
  own.apply({ indices: [0, 1, 2, 3, 4], weak: PROBABILITIES });
  // The mean confidence, and less of it for the rarer class.
  deepStrictEqual(
    judge({ method: "freematch" }, { rule: own }).map(([, , why]) => why),
    ["", "", "", "confidence below 0.8", ""],
  );
});

Deno.test("judgeImages() tells why a round leaves out an image, and that some methods use no labels", () => {
  deepStrictEqual(
    judge({ method: "noisy-student", rounds: 1, threshold: 0.5 }),
    [
      ["class 0", 1, ""],
      ["class 0", 1, ""],
      ["class 0", 1, ""],
      ["class 0", 0, "enough surer images of its class"],
      ["class 1", 1, ""],
    ],
  );
  deepStrictEqual(
    judge({ method: "mean-teacher" })[0],
    ["class 0", 0, "mean-teacher uses no labels"],
  );
});
