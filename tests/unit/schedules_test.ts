import { deepStrictEqual } from "node:assert";
import { cosineSchedule, stepSchedule } from "../../src/training/mod.ts";
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

Deno.test("stepSchedule() multiplies after every interval, behind an optional warm-up", () => {
  const plain = stepSchedule({ base: 8, every: 2, factor: 0.5 });
  deepStrictEqual([0, 1, 2, 3, 4].map(plain), [8, 8, 4, 4, 2]);
  const warm = stepSchedule({ base: 8, every: 4, factor: 0.5, warmupSteps: 2 });
  deepStrictEqual([0, 1, 2, 4].map(warm), [0, 4, 8, 4]);
});
