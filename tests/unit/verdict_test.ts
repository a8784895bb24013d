import { deepStrictEqual, match } from "node:assert";
import { decideShipped } from "../../src/phases/mod.ts";

const CLASSIFY = { val_accuracy: 0.7, test_accuracy: 0.72, best_step: 40 };
const SELF = { val_accuracy: 0.75, test_accuracy: 0.7, best_step: 30 };
const BASELINE = { val_accuracy: 0.6, test_accuracy: 0.9, best_step: 10 };

Deno.test("decideShipped() chooses by validation and never by the test split", () => {
  const { phase, reason } = decideShipped({
    classify: CLASSIFY,
    selfTrain: SELF,
    baseline: BASELINE,
  });
  deepStrictEqual(phase, "selfTrain");
  match(reason, /best on validation with 75.0 % after 70.0 %/);
});

Deno.test("decideShipped() never ships a model below the baseline on validation", () => {
  for (
    const chain of [
      { classify: CLASSIFY, selfTrain: SELF },
      { classify: CLASSIFY },
      { distill: CLASSIFY },
    ]
  ) {
    const { phase, reason } = decideShipped({
      ...chain,
      baseline: { ...BASELINE, val_accuracy: 0.8 },
    });
    deepStrictEqual(phase, "baseline");
    match(reason, /labels alone are better on validation: 80.0 %/);
  }
});

Deno.test("decideShipped() calls a kept start a tie and ships the start", () => {
  const { phase, reason } = decideShipped({
    classify: CLASSIFY,
    selfTrain: { ...CLASSIFY, best_step: 0, stopped: "no label was sure" },
    baseline: BASELINE,
  });
  deepStrictEqual(phase, "classify");
  match(reason, /^tie: .* start, ST-Class, is kept \(no label was sure\)$/);
});

Deno.test("decideShipped() falls back to what the run trained", () => {
  const worse = { ...SELF, val_accuracy: 0.6 };
  const cases = [
    [
      { classify: CLASSIFY, selfTrain: worse },
      "classify",
      /worse on validation.*; not compared with labels alone \(phases.baseline\)$/,
    ],
    [
      { selfTrain: { test_accuracy: 0.5 } },
      "selfTrain",
      /unguarded: without validation images/,
    ],
    [{ classify: CLASSIFY }, "classify", /no self-training/],
    [{ baseline: BASELINE }, "baseline", /no other phase/],
    [{ teacher: { test_accuracy: 0.9 } }, "teacher", /no self-training/],
    [{ distill: {} }, undefined, /no phase trained/],
    [{ distill: {}, baseline: BASELINE }, "baseline", /no other phase/],
    // Distillation alone, with a loss that trains the student's heads.
    [
      { teacher: { test_accuracy: 0.9 }, distill: CLASSIFY },
      "distill",
      /no self-training/,
    ],
    [{ distill: CLASSIFY, baseline: BASELINE }, "distill", /no self-training/],
  ] as const;
  for (const [phases, expected, why] of cases) {
    const { phase, reason } = decideShipped(phases);
    deepStrictEqual(phase, expected);
    match(reason, why);
  }
});
