import { deepStrictEqual, match, strictEqual } from "node:assert";
import { CollapseGuard } from "../../src/phases/collapse_guard.ts";

const PRIOR = [0.5, 0.25, 0.25];
const WATCHED = {
  prior: PRIOR,
  classNames: ["cat", "dog", "owl"],
  what: "pseudo-labels",
} as const;
const OPTIONS = {
  startAccuracy: 0,
  window: 4,
  leastRate: 0.01,
  takeover: 0.6,
  drift: 0.3,
  answer: "stop" as const,
  attempts: 0,
};

/** Labels of a step: so many of each class, and how much each counts. */
function labelsOf(counts: readonly number[], weight = 1) {
  const labels = counts.flatMap((count, c) => new Array<number>(count).fill(c));
  return {
    labels: Int32Array.from(labels),
    weights: new Float32Array(labels.length).fill(weight),
    confidence: labels.map(() => 1),
  };
}

function judge(
  counts: readonly number[],
  weight?: number,
  guard = new CollapseGuard(OPTIONS, WATCHED),
) {
  for (let step = 0; step < 4; step++) {
    strictEqual(guard.take(), undefined);
    guard.note(guard.save().next, labelsOf(counts, weight));
  }
  return guard.take();
}

Deno.test("CollapseGuard tells unused labels, a class that takes over and drift from the prior", () => {
  strictEqual(judge([10, 5, 5]), undefined);
  strictEqual(judge([8, 8, 4]), undefined);
  const guard = new CollapseGuard(OPTIONS, WATCHED);
  // Never in use: said once.
  deepStrictEqual(judge([10, 5, 5], 0, guard)?.kind, "unsure");
  strictEqual(judge([10, 5, 5], 0, guard), undefined);
  strictEqual(judge([10, 5, 5], 1, guard), undefined);
  const unused = judge([10, 5, 5], 0, guard);
  deepStrictEqual(unused?.kind, "unused");
  match(unused!.message, /only 0.0 % of the pseudo-labels are used/);
  // Above 0.5 + 0.6 (1 - 0.5) = 0.8 for the first class, 0.7 for the others.
  const taken = judge([17, 2, 1]);
  deepStrictEqual(taken?.kind, "takeover");
  match(taken!.message, /class cat has 85.0 % .* and 50.0 % of the labels/);
  deepStrictEqual(judge([1, 2, 17])?.kind, "takeover");
  const drift = judge([2, 9, 9]);
  deepStrictEqual(drift?.kind, "drift");
  match(drift!.message, /40.0 % of the pseudo-labels/);
});

Deno.test("CollapseGuard says nothing about the classes of few labels", () => {
  strictEqual(judge([7, 0, 0]), undefined);
});

Deno.test("CollapseGuard takes chosen labels for a share of all, and speaks of targets as such", () => {
  const guard = new CollapseGuard(OPTIONS, WATCHED);
  const note = (chosen: number) => {
    for (let i = 0; i < 4; i++) {
      guard.note(guard.save().next, labelsOf([10, 5, 5]), chosen);
    }
    return guard.take();
  };
  strictEqual(note(0.5), undefined);
  match(note(0.005)!.message, /only 0.5 % of the pseudo-labels are used/);
  const targets = new CollapseGuard(OPTIONS, { ...WATCHED, what: "targets" });
  strictEqual(judge([10, 5, 5], 0.5, targets), undefined);
  match(
    judge([10, 5, 5], 0.001, targets)!.message,
    /targets are only 0.1 % of the way from chance to sure/,
  );
  match(
    judge([1, 2, 17], 0.9, targets)!.message,
    /class owl has 85.0 % of the targets and 25.0 % of the labels/,
  );
});

Deno.test("CollapseGuard goes on from its state and notes no step twice", () => {
  const guard = new CollapseGuard(OPTIONS, WATCHED);
  for (const step of [0, 1, 2]) guard.note(step, labelsOf([1, 2, 17]));
  guard.floor = 0.9;
  const copy = new CollapseGuard(OPTIONS, WATCHED);
  copy.restore(JSON.parse(JSON.stringify(guard.save())));
  deepStrictEqual(copy.save(), guard.save());
  copy.note(2, labelsOf([1, 2, 17]));
  strictEqual(copy.take(), undefined);
  copy.note(3, labelsOf([1, 2, 17]));
  deepStrictEqual(copy.take()?.kind, "takeover");
  strictEqual(copy.take(), undefined);
});
