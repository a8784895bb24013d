import { deepStrictEqual, throws } from "node:assert";
import {
  FlexMatchRule,
  FreeMatchRule,
  type PseudoLabelRule,
  SoftMatchRule,
  ThresholdRule,
} from "../../src/phases/rules/mod.ts";
import { softmaxReference } from "../../src/reference/mod.ts";
import { gaussian, uniform } from "../helpers/mod.ts";

const CLASSES = 5;
const TOTAL = 30;

const RULES: Record<string, () => PseudoLabelRule> = {
  ThresholdRule: () => new ThresholdRule({ classes: CLASSES, threshold: 0.6 }),
  FlexMatchRule: () =>
    new FlexMatchRule({
      classes: CLASSES,
      threshold: 0.6,
      total: TOTAL,
      warmup: true,
    }),
  FreeMatchRule: () => new FreeMatchRule({ classes: CLASSES, momentum: 0.9 }),
  SoftMatchRule: () => new SoftMatchRule({ classes: CLASSES, momentum: 0.9 }),
};

function batch(step: number) {
  const next = uniform(step);
  return {
    indices: Uint32Array.from(
      { length: 8 },
      () => Math.floor(next() * TOTAL),
    ),
    probabilities: softmaxReference(
      gaussian(8 * CLASSES, { seed: step, scale: 3 }),
      CLASSES,
    ),
  };
}

for (const [name, create] of Object.entries(RULES)) {
  Deno.test(`${name} goes on unchanged when its state passes through JSON`, () => {
    const rule = create();
    for (let step = 0; step < 4; step++) {
      const { indices, probabilities } = batch(step);
      rule.apply(indices, probabilities);
    }
    const copy = create();
    copy.restore(JSON.parse(JSON.stringify(rule.state())));
    for (let step = 4; step < 8; step++) {
      const { indices, probabilities } = batch(step);
      deepStrictEqual(
        copy.apply(indices, probabilities),
        rule.apply(indices, probabilities),
      );
    }
    deepStrictEqual(copy.state(), rule.state());
  });

  Deno.test(`${name} restores the state from before its first step`, () => {
    const copy = create();
    copy.restore(JSON.parse(JSON.stringify(create().state())));
    const { indices, probabilities } = batch(1);
    deepStrictEqual(
      copy.apply(indices, probabilities),
      create().apply(indices, probabilities),
    );
  });

  Deno.test(`${name} changes nothing when the batch is empty`, () => {
    const rule = create();
    const { indices, probabilities } = batch(1);
    rule.apply(indices, probabilities);
    const before = rule.state();
    deepStrictEqual(rule.apply([], []), {
      labels: new Int32Array(),
      weights: new Float32Array(),
    });
    deepStrictEqual(rule.state(), before);
  });
}

Deno.test("SoftMatchRule gives finite weights when the batch is one item", () => {
  const rule = new SoftMatchRule({ classes: 3, momentum: 0 });
  deepStrictEqual(
    rule.apply([0], [0.5, 0.3, 0.2]).weights,
    new Float32Array([1]),
  );
  deepStrictEqual(rule.state().var, [0]);
});

Deno.test("FlexMatchRule names the sizes when a state is of another pool", () => {
  const rule = RULES.FlexMatchRule!();
  const other = new FlexMatchRule({
    classes: CLASSES,
    threshold: 0.6,
    total: 7,
    warmup: true,
  });
  throws(
    () => rule.restore(other.state()),
    /Cannot restore FlexMatch: chosen has 7 values, expected 30/,
  );
});
