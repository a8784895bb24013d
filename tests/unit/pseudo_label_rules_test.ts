import { deepStrictEqual, throws } from "node:assert";
import {
  AdaMatchRule,
  annealedWeights,
  annealingThreshold,
  combineModels,
  fairness,
  FlexMatchRule,
  FreeMatchRule,
  type Predictions,
  type PseudoLabelRule,
  pseudoMix,
  ReMixMatchRule,
  roundLabels,
  SoftMatchRule,
  ThresholdRule,
  topClasses,
  UdaRule,
} from "../../src/phases/rules/mod.ts";
import {
  adaMatchReference,
  annealedLossReference,
  crossEntropyReference,
  fairnessReference,
  reMixMatchReference,
  softmaxReference,
  udaReference,
} from "../../src/reference/mod.ts";
import { assertClose, gaussian, uniform } from "../helpers/mod.ts";

const CLASSES = 5;
const TOTAL = 30;
const PRIOR = [0.4, 0.3, 0.1, 0.1, 0.1];

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
  SoftMatchRule: () =>
    new SoftMatchRule({ classes: CLASSES, momentum: 0.9, sigmas: 2 }),
  UdaRule: () =>
    new UdaRule({ classes: CLASSES, threshold: 0.6, temperature: 0.4 }),
  AdaMatchRule: () =>
    new AdaMatchRule({ classes: CLASSES, threshold: 0.9, momentum: 0.9 }),
  ReMixMatchRule: () =>
    new ReMixMatchRule({ prior: PRIOR, momentum: 0.9, temperature: 0.5 }),
};

function logitsOf(step: number, rows = 8) {
  return gaussian(rows * CLASSES, { seed: step, scale: 3 });
}

function batch(step: number): Required<Predictions> {
  const next = uniform(step);
  return {
    indices: Uint32Array.from(
      { length: 8 },
      () => Math.floor(next() * TOTAL),
    ),
    weak: softmaxReference(logitsOf(step), CLASSES),
    labelled: softmaxReference(logitsOf(100 + step, 6), CLASSES),
  };
}

for (const [name, create] of Object.entries(RULES)) {
  Deno.test(`${name} goes on unchanged when its state passes through JSON`, () => {
    const rule = create();
    for (let step = 0; step < 4; step++) rule.apply(batch(step));
    const copy = create();
    copy.restore(JSON.parse(JSON.stringify(rule.state())));
    for (let step = 4; step < 8; step++) {
      deepStrictEqual(copy.apply(batch(step)), rule.apply(batch(step)));
    }
    deepStrictEqual(copy.state(), rule.state());
  });

  Deno.test(`${name} restores the state from before its first step`, () => {
    const copy = create();
    copy.restore(JSON.parse(JSON.stringify(create().state())));
    deepStrictEqual(copy.apply(batch(1)), create().apply(batch(1)));
  });

  Deno.test(`${name} judges by its thresholds and learns nothing from it`, () => {
    const rule = create();
    rule.apply(batch(1));
    const before = rule.state();
    const { labels, weights, confidence } = rule.judge(batch(2).weak);
    deepStrictEqual(rule.state(), before);
    deepStrictEqual(
      [...weights].map((weight) => weight > 0),
      [...labels].map((label, i) =>
        confidence[i]! >= rule.leastConfidence(label)
      ),
    );
  });

  Deno.test(`${name} changes nothing when the batch is empty`, () => {
    const rule = create();
    rule.apply(batch(1));
    const before = rule.state();
    const { labels, weights } = rule.apply({
      ...batch(2),
      indices: [],
      weak: [],
    });
    deepStrictEqual([labels.length, weights.length], [0, 0]);
    deepStrictEqual(rule.state(), before);
  });
}

Deno.test("AdaMatchRule, ReMixMatchRule and UdaRule equal the float64 reference over 6 steps", () => {
  const adamatch = RULES.AdaMatchRule!();
  const remixmatch = RULES.ReMixMatchRule!();
  const uda = RULES.UdaRule!();
  let masked = 0;
  for (let step = 0; step < 6; step++) {
    const history = Array.from({ length: step + 1 }, (_, k) => batch(k));
    const ada = adaMatchReference(history, {
      classes: CLASSES,
      threshold: 0.9,
      momentum: 0.9,
    });
    const labelled = adamatch.apply(batch(step));
    const top = topClasses(ada.targets, CLASSES);
    deepStrictEqual(labelled.labels, top.labels);
    assertClose(labelled.weights, ada.weights, { atol: 0 });
    assertClose(labelled.confidence, top.confidence, { rtol: 1e-12 });
    masked += ada.weights.filter((w) => w === 0).length;

    const remix = reMixMatchReference(history, {
      prior: PRIOR,
      temperature: 0.5,
      momentum: 0.9,
    });
    const sharp = remixmatch.apply(batch(step));
    assertClose(sharp.weights, remix.weights, { atol: 0 });
    assertClose(sharp.targets!, remix.targets, { atol: 1e-7 });

    const soft = udaReference(logitsOf(step), {
      classes: CLASSES,
      threshold: 0.6,
      temperature: 0.4,
    });
    const found = uda.apply(batch(step));
    assertClose(found.weights, soft.weights, { atol: 0 });
    assertClose(found.targets!, soft.targets, { atol: 1e-7 });
  }
  deepStrictEqual(masked > 0 && masked < 48, true, `${masked} masked`);
});

Deno.test("AdaMatchRule refuses a batch without labelled images", () => {
  throws(
    () => RULES.AdaMatchRule!().apply({ ...batch(1), labelled: [] }),
    /without labelled images/,
  );
});

Deno.test("fairness() has the value of the float64 reference and its gradient by finite differences", () => {
  const logits = Float64Array.from(logitsOf(3));
  const weights = [1, 0, 1, 1, 1, 0, 1, 1];
  const averages = { p: PRIOR, hist: [0.3, 0.2, 0.2, 0.2, 0.1] };
  const strong = softmaxReference(logits, CLASSES);
  const { loss, gradient, counted } = fairness(strong, weights, averages);
  deepStrictEqual(counted, 6);
  assertClose([loss], [fairnessReference(logits, weights, averages)], {
    rtol: 1e-12,
  });
  const analytic = logits.map((_, i) => {
    const row = Math.floor(i / CLASSES);
    let inner = 0;
    for (let c = 0; c < CLASSES; c++) {
      inner += gradient[c]! * strong[row * CLASSES + c]!;
    }
    return weights[row]! / counted * strong[i]! *
      (gradient[i % CLASSES]! - inner);
  });
  const step = 1e-6;
  const numeric = logits.map((_, i) => {
    const moved = (by: number) =>
      fairnessReference(logits.with(i, logits[i]! + by), weights, averages);
    return (moved(step) - moved(-step)) / (2 * step);
  });
  assertClose(analytic, numeric, { atol: 1e-8, rtol: 1e-6 });
  deepStrictEqual(fairness(strong, [0, 0, 0, 0, 0, 0, 0, 0], averages).loss, 0);
});

Deno.test("annealedWeights() leave out sure labelled images; the rest has the reference's mean loss", () => {
  const logits = logitsOf(5);
  const labels = Uint32Array.from(
    topClasses(softmaxReference(logits, CLASSES), CLASSES).labels,
    (top, i) => i % 3 === 0 ? (top + 1) % CLASSES : top,
  );
  for (const threshold of [0.2, 0.9, 1]) {
    const weights = annealedWeights(
      softmaxReference(logits, CLASSES),
      labels,
      { classes: CLASSES, threshold },
    );
    const { loss } = crossEntropyReference(logits, labels, weights, {
      cols: CLASSES,
      smoothing: 0,
    });
    const mean = loss.reduce((sum, value) => sum + value, 0) / labels.length;
    assertClose(
      [mean],
      [annealedLossReference(logits, labels, { classes: CLASSES, threshold })],
      { rtol: 1e-6 },
    );
  }
  const at = (schedule: "linear" | "log" | "exp", progress: number) =>
    annealingThreshold(schedule, progress, 4);
  assertClose([at("linear", 0), at("linear", 0.5), at("linear", 1)], [
    0.25,
    0.625,
    1,
  ], { atol: 1e-12 });
  // e^-5 short of the ends, as published.
  assertClose([at("log", 0), at("exp", 1), at("log", 1), at("exp", 0)], [
    0.25,
    1,
    1 - 0.75 * Math.exp(-5),
    0.25 + 0.75 * Math.exp(-5),
  ], { atol: 1e-12 });
});

Deno.test("pseudoMix() shares by confidence and counts a mix as the surer of the two", () => {
  const labels = new Int32Array([0, 1, 2, 3]);
  const weights = new Float32Array([1, 0, 1, 0]);
  const mixed = pseudoMix(
    { labels, weights, confidence: [0.9, 0.3, 0.8, 0.1] },
    (row) => 3 - row,
  );
  assertClose(mixed.share, [0.9, 3 / 11, 8 / 11, 0.1], { rtol: 1e-12 });
  deepStrictEqual([...mixed.weights], [1, 1, 1, 1]);
});

Deno.test("roundLabels() keeps sure images, balanced over classes where asked", () => {
  const probabilities = [
    [0.9, 0.1, 0],
    [0.5, 0.3, 0.2],
    [0.8, 0.1, 0.1],
    [0.7, 0.2, 0.1],
    [0.1, 0.8, 0.1],
    [0.95, 0, 0.05],
  ].flat();
  const common = { classes: 3, threshold: 0.6 };
  deepStrictEqual(roundLabels(probabilities, { ...common, balance: false }), {
    kept: [0, 2, 3, 4, 5],
    labels: [0, 0, 0, 1, 0],
  });
  // Five images of two classes: three each, the only one of class 1 three times.
  deepStrictEqual(roundLabels(probabilities, { ...common, balance: true }), {
    kept: [5, 0, 2, 4, 4, 4],
    labels: [0, 0, 0, 1, 1, 1],
  });
  deepStrictEqual(
    roundLabels(probabilities, { ...common, threshold: 1, balance: true }),
    { kept: [], labels: [] },
  );
});

Deno.test("combineModels() takes the mean, or the share of votes", () => {
  const models = [[0.6, 0.4, 0.9, 0.1], [0.2, 0.8, 0.6, 0.4], [
    0.55,
    0.45,
    0.3,
    0.7,
  ]];
  assertClose(
    combineModels(models, { classes: 2, kind: "mean" }),
    [0.45, 0.55, 0.6, 0.4],
    { atol: 1e-12 },
  );
  assertClose(
    combineModels(models, { classes: 2, kind: "vote" }),
    [2 / 3, 1 / 3, 2 / 3, 1 / 3],
    { atol: 1e-12 },
  );
});

Deno.test("SoftMatchRule gives finite weights when the batch is one item", () => {
  const rule = new SoftMatchRule({ classes: 3, momentum: 0, sigmas: 2 });
  deepStrictEqual(
    rule.apply({ indices: [0], weak: [0.5, 0.3, 0.2] }).weights,
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
