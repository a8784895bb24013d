import { notStrictEqual, strictEqual } from "node:assert";
import { parseConfig } from "../../src/config/mod.ts";
import { phaseInputs, type PhaseName, PHASES } from "../../src/phases/mod.ts";

type Change = Record<string, unknown>;

/** Phases that such a change makes others. */
function changedBy(change: Change, base: Change = {}): PhaseName[] {
  const text = (config: Change, phase: PhaseName) =>
    JSON.stringify(phaseInputs(parseConfig(config, "test"), phase));
  return PHASES.filter((phase) =>
    text(base, phase) !== text({ ...base, ...change }, phase)
  );
}

Deno.test("a phase depends on what it and the phases before it look at", () => {
  const all = PHASES.join();
  strictEqual(changedBy({ name: "other", ranks: 4 }).join(), "");
  strictEqual(changedBy({ seed: 1 }).join(), all);
  strictEqual(changedBy({ teacher: { dim: 48 } }).join(), all);
  strictEqual(
    changedBy({ student: { depth: 1 } }).join(),
    "distill,classify,selfTrain,baseline",
  );
  strictEqual(
    changedBy({ phases: { distill: { relationalAngle: 1 } } }).join(),
    "distill,classify,selfTrain",
  );
  strictEqual(
    changedBy({ phases: { selfTrain: { threshold: 0.5 } } }).join(),
    "selfTrain",
  );
  // As many images as the phases that it is compared with.
  strictEqual(
    changedBy({ phases: { selfTrain: { images: 256 } } }).join(),
    "selfTrain,baseline",
  );
});

Deno.test("labels change a teacher or a distillation only that looks at them", () => {
  const change = { data: { labelsPerClass: 7 } };
  const few = "classify,selfTrain,baseline";
  const weights = { labels: 0, hard: 0, soft: 0 };
  const end = weights;
  const blind = {
    phases: { distill: { ...weights, relationalAngle: 1, end } },
  };
  strictEqual(changedBy(change, blind).join(), few);
  strictEqual(
    changedBy(change, { phases: { distill: { ...weights, soft: 1 } } }).join(),
    `distill,${few}`,
  );
  const labelled = { phases: { teacher: { labels: "labelled" } } };
  notStrictEqual(changedBy(change, labelled).indexOf("teacher"), -1);
});
