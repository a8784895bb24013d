import { deepStrictEqual, ok, strictEqual } from "node:assert";
import {
  chooseSplit,
  planTeams,
  splitRanks,
} from "../../cluster/coordinator/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { phaseWork } from "../../src/phases/mod.ts";

const EVEN = { steps: 100, computeMs: 80, waitMs: 20 };

Deno.test("splitRanks() gives each phase the ranks with which both end soonest", () => {
  const longer = { ...EVEN, steps: 300 };
  deepStrictEqual(splitRanks([EVEN, EVEN], 2).sizes, [1, 1]);
  deepStrictEqual(splitRanks([longer, EVEN], 8).sizes, [6, 2]);
  // Twice the computation for the half of the ranks, and nobody to wait for.
  const { apart, together } = splitRanks([EVEN, EVEN], 2);
  deepStrictEqual([apart, together], [16, 20]);
});

Deno.test("splitRanks() finds no better split in any other", () => {
  for (let ranks = 2; ranks <= 9; ranks++) {
    for (const steps of [10, 55, 400]) {
      const costs = [{ ...EVEN, steps }, EVEN] as const;
      const { apart } = splitRanks(costs, ranks);
      for (let size = 1; size < ranks; size++) {
        const wait = (n: number) => 20 * (1 - 1 / n) / (1 - 1 / ranks);
        const ends = [
          steps * (80 * ranks / size + wait(size)),
          100 * (80 * ranks / (ranks - size) + wait(ranks - size)),
        ];
        ok(apart <= Math.max(...ends) / 1000 + 1e-9);
      }
    }
  }
});

Deno.test("splitRanks() finds the best split of all between three phases", () => {
  const costs = [{ ...EVEN, steps: 300 }, EVEN, { ...EVEN, steps: 170 }];
  for (let ranks = 3; ranks <= 9; ranks++) {
    const { sizes, apart } = splitRanks(costs, ranks);
    const end = (each: readonly number[]) =>
      Math.max(...each.map((size, i) => {
        const wait = 20 * (1 - 1 / size) / (1 - 1 / ranks);
        return costs[i]!.steps * (80 * ranks / size + wait) / 1000;
      }));
    strictEqual(sizes.reduce((sum, size) => sum + size), ranks);
    strictEqual(end(sizes), apart);
    for (let a = 1; a < ranks - 1; a++) {
      for (let b = 1; a + b < ranks; b++) {
        ok(apart <= end([a, b, ranks - a - b]) + 1e-9);
      }
    }
  }
});

Deno.test("chooseSplit() divides where it pays or is asked for", () => {
  const free = { ...EVEN, waitMs: 0 };
  strictEqual(chooseSplit("auto", [free, free], 2), undefined);
  strictEqual(chooseSplit("never", [EVEN, EVEN], 2), undefined);
  strictEqual(chooseSplit("always", [EVEN, EVEN], 1), undefined);
  ok(chooseSplit("auto", [EVEN, EVEN], 2));
  ok(chooseSplit("always", [free, free], 2));
});

Deno.test("planTeams() needs a pace that was measured with as many ranks", () => {
  const config = parseConfig({
    globalBatch: 16,
    phases: { selfTrain: { images: 1600 }, baseline: { images: 1600 } },
  });
  const request = {
    wish: "auto" as const,
    phases: ["selfTrain", "baseline"] as const,
    members: [0, 2, 3],
    work: phaseWork(config),
  };
  const pace = (step_ranks: number) => ({
    ...request,
    summaries: new Map([[
      "classify" as const,
      { step_ranks, step_ms: 50, wait_ms: 30 },
    ]]),
  });
  strictEqual(planTeams(pace(2)), undefined);
  strictEqual(planTeams({ ...pace(3), phases: ["baseline"] }), undefined);
  deepStrictEqual(planTeams(pace(3))?.teams, [
    { phase: "selfTrain", members: [0, 2] },
    { phase: "baseline", members: [3] },
  ]);
});

Deno.test("phaseWork() counts the weak views of self-training", () => {
  const work = (method: string, rounds: number) =>
    phaseWork(parseConfig({
      globalBatch: 10,
      phases: {
        classify: { images: 95 },
        selfTrain: { images: 100, method, rounds, unlabelledRatio: 1 },
      },
    }));
  const { images, steps } = work("fixmatch", 0).get("baseline")!;
  deepStrictEqual([images, steps], [195, 20]);
  strictEqual(work("fixmatch", 0).get("selfTrain")!.cost, 1 + 1 / 6);
  strictEqual(work("noisy-student", 1).get("selfTrain")!.cost, 1);
});

Deno.test("planTeams() lets the first teacher tell what the others cost", () => {
  const config = parseConfig({
    globalBatch: 16,
    teacher: { dim: 64 },
    teachers: [{}, { weights: "model.safetensors" }, { dim: 128 }],
    phases: { teacher: { images: 1600 } },
  });
  const work = phaseWork(config);
  deepStrictEqual([...work.keys()].slice(0, 4), [
    "teacher",
    "teacher2",
    "teacher3",
    "distill",
  ]);
  const request = { wish: "auto" as const, members: [0, 1, 2, 3], work };
  const before = { ...request, summaries: new Map() };
  const phases = [...work.keys()];
  strictEqual(planTeams({ ...before, phases }), undefined);
  const after = {
    ...request,
    phases: phases.slice(1),
    summaries: new Map([[
      "teacher" as const,
      { step_ranks: 4, step_ms: 50, wait_ms: 30 },
    ]]),
  };
  // The second of them computes four times as much, about.
  deepStrictEqual(planTeams(after)?.teams, [
    { phase: "teacher2", members: [0] },
    { phase: "teacher3", members: [1, 2, 3] },
  ]);
  // All at once, as far as there are ranks.
  const always = { ...before, wish: "always" as const, phases };
  deepStrictEqual(
    planTeams({ ...always, members: [0, 1] })?.teams.map(({ phase }) => phase),
    ["teacher", "teacher2"],
  );
  deepStrictEqual(
    planTeams(always)?.teams.map(({ phase }) => phase),
    ["teacher", "teacher2", "teacher3"],
  );
});
