import { deepStrictEqual } from "node:assert";
import { cosineSchedule, stepSchedule } from "../../src/training/mod.ts";
import { learningRateAt } from "../../src/phases/recipe.ts";
import { assertClose } from "../helpers/mod.ts";

Deno.test("cosineSchedule() warms up from 0, peaks at base and ends at min", () => {
  const rate = cosineSchedule({
    base: 2,
    min: 0.5,
    warmupSteps: 4,
    totalSteps: 12,
  });
  assertClose(
    [0, 1, 4, 8, 12, 50].map(rate),
    [0, 0.5, 2, 1.25, 0.5, 0.5],
    { atol: 1e-12 },
  );
});

Deno.test("cosineSchedule() stays finite when there is nothing after the warm-up", () => {
  const rate = cosineSchedule({
    base: 1,
    min: 0.1,
    warmupSteps: 3,
    totalSteps: 3,
  });
  assertClose([3, 4].map(rate), [1, 0.1], { atol: 1e-12 });
});

Deno.test("stepSchedule() multiplies after every interval", () => {
  const rate = stepSchedule({ base: 8, every: 2, factor: 0.5 });
  deepStrictEqual([0, 1, 2, 3, 4].map(rate), [8, 8, 4, 4, 2]);
});

for (
  const [kind, expected] of [
    ["cosine", [4, 8, 6, 4, 2, 0]],
    ["step", [4, 8, 8, 4, 4, 4]],
    ["constant", [4, 8, 8, 8, 8, 8]],
  ] as const
) {
  Deno.test(`learningRateAt() of kind ${kind} warms up from the first step on`, () => {
    const schedule = {
      kind,
      warmupSteps: 2,
      minLearningRate: 0,
      everySteps: 4,
      factor: 0.5,
    };
    const recipe = { schedule, learningRate: 8, steps: 8 };
    const rates = Array.from(
      { length: 8 },
      (_, t) => learningRateAt(recipe, t),
    );
    assertClose([0, 1, 3, 4, 5, 7].map((t) => rates[t]!), expected, {
      atol: 1e-12,
    });
    // Alone, a step has the full rate.
    deepStrictEqual(learningRateAt({ ...recipe, steps: 1 }, 0), 8);
    // Where training begins anew, so does the schedule.
    deepStrictEqual(learningRateAt({ ...recipe, cycle: 4 }, 4), 8);
  });
}
