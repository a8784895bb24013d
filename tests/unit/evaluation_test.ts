import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import {
  areaUnderRoc,
  calibrate,
  evaluateLogits,
  fitRidge,
  fitTemperature,
  ROC_GRID,
  rocCurve,
  rocCurves,
  softmaxRows,
  suspectLabels,
} from "../../src/evaluation/mod.ts";
import { assertClose, gaussian, uniform } from "../helpers/mod.ts";

const CLASSES = 4;

/** Logits, and labels drawn from their softmax at temperature 1. */
function drawn(rows: number, seed: number) {
  const logits = gaussian(rows * CLASSES, { seed, scale: 2 });
  const probabilities = softmaxRows(logits, CLASSES);
  const next = uniform(seed + 1);
  const labels = Int32Array.from({ length: rows }, (_, row) => {
    let left = next();
    for (let c = 0; c < CLASSES - 1; c++) {
      left -= probabilities[row * CLASSES + c]!;
      if (left < 0) return c;
    }
    return CLASSES - 1;
  });
  return { logits, labels };
}

for (const factor of [0.4, 1, 3]) {
  Deno.test(`fitTemperature() finds ${factor} when logits are scaled by it`, () => {
    const { logits, labels } = drawn(6000, 5);
    const scaled = logits.map((value) => value * factor);
    const temperature = fitTemperature(scaled, labels, CLASSES);
    assertClose([temperature], [factor], { rtol: 0.06 });
    const after = evaluateLogits(
      scaled.map((value) => value / temperature),
      labels,
      CLASSES,
    );
    ok(after.ece15 < 0.03, `${after.ece15}`);
    strictEqual(
      after.accuracy,
      evaluateLogits(scaled, labels, CLASSES).accuracy,
    );
  });
}

Deno.test("fitTemperature() stays moderate when a few images are all right", () => {
  const labels = [0, 1, 2, 3];
  const logits = labels.flatMap((label) =>
    Array.from({ length: CLASSES }, (_, c) => c === label ? 2 : 0)
  );
  const temperature = fitTemperature(logits, labels, CLASSES);
  const [top] = softmaxRows(logits.map((z) => z / temperature), CLASSES);
  assertClose([top!], [5 / 6], { atol: 1e-4 });
});

Deno.test("calibrate() leaves logits alone that few images do not clearly speak against", () => {
  let [kept, inside] = [0, 0];
  for (let seed = 0; seed < 60; seed++) {
    const { logits, labels } = drawn(80, 10 * seed);
    const found = calibrate(logits, labels, CLASSES);
    if (found.temperature === 1) kept++;
    const scaled = logits.map((value) => value * 3);
    const { temperature, low, high } = calibrate(scaled, labels, CLASSES);
    ok(temperature === fitTemperature(scaled, labels, CLASSES));
    ok(low <= temperature && temperature <= high);
    if (low <= 3 && 3 <= high) inside++;
  }
  // 95 % of 60 are 57.
  ok(kept >= 53 && inside >= 53, `${kept} kept, ${inside} inside`);
  deepStrictEqual(calibrate([], [], CLASSES).temperature, 1);
});

Deno.test("rocCurve() has the area of areaUnderRoc() and joins equal scores", () => {
  const next = uniform(3);
  const positive = Uint8Array.from(
    { length: 4000 },
    () => next() < 0.3 ? 1 : 0,
  );
  const scores = Float64Array.from(
    positive,
    (hit) => Math.round(20 * (next() + 0.3 * hit)) / 20,
  );
  const curve = rocCurve(scores, positive)!;
  let area = 0;
  for (let i = 1; i < curve.length; i++) {
    area += (curve[i]! + curve[i - 1]!) / 2 * (ROC_GRID[i]! - ROC_GRID[i - 1]!);
  }
  assertClose([area], [areaUnderRoc(scores, positive)], { atol: 2e-3 });
  strictEqual(curve.at(-1), 1);
  // All scores equal: chance, a straight line.
  const line = rocCurve(
    new Float64Array(10),
    Uint8Array.of(1, 0, 1, 0, 0, 1, 0, 0, 0, 1),
  )!;
  assertClose(line, ROC_GRID, { atol: 1e-12 });
  strictEqual(rocCurve(Float64Array.of(1, 2), Uint8Array.of(1, 1)), undefined);
});

Deno.test("areaUnderRoc() counts every pair, and rocCurve() knows no order among equals", () => {
  const next = uniform(9);
  for (let n = 2; n < 40; n++) {
    const positive = Uint8Array.from({ length: n }, () => next() < 0.4 ? 1 : 0);
    const scores = Float64Array.from(
      { length: n },
      () => [-0, 0, -1, 0.5, 1e300][Math.floor(5 * next())]!,
    );
    let [pairs, won] = [0, 0];
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        if (positive[i] !== 1 || positive[j] !== 0) continue;
        pairs++;
        won += scores[i]! > scores[j]! ? 1 : scores[i] === scores[j] ? 0.5 : 0;
      }
    }
    strictEqual(
      areaUnderRoc(scores, positive),
      pairs === 0 ? NaN : won / pairs,
    );
    deepStrictEqual(
      rocCurve(scores.toReversed(), positive.toReversed()),
      rocCurve(scores, positive),
    );
  }
  const unknown = Float64Array.of(NaN, 1, 0);
  for (const hits of [[1, 0, 1], [0, 1, 0]]) {
    const positive = Uint8Array.from(hits);
    strictEqual(areaUnderRoc(unknown, positive), NaN);
    strictEqual(rocCurve(unknown, positive), undefined);
  }
});

Deno.test("rocCurves() leaves out classes that do not occur", () => {
  const probabilities = Float64Array.of(0.8, 0.1, 0.1, 0.3, 0.6, 0.1);
  const { class: curves, macro, micro } = rocCurves(probabilities, [0, 1], 3);
  strictEqual(curves[2], undefined);
  deepStrictEqual(macro, ROC_GRID.map(() => 1));
  ok(micro![0]! > 0);
});

/** `(K + penalty I)^-1 y` by Gauss and Jordan. */
function solveDirectly(matrix: number[][], right: number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  for (let i = 0; i < rows.length; i++) {
    const pivot = rows[i]![i]!;
    rows[i] = rows[i]!.map((value) => value / pivot);
    for (let k = 0; k < rows.length; k++) {
      const factor = k === i ? 0 : rows[k]![i]!;
      rows[k] = rows[k]!.map((value, j) => value - factor * rows[i]![j]!);
    }
  }
  return rows.map((row) => row.at(-1)!);
}

Deno.test("fitRidge() leaves each row out as if it were fitted without it, and predicts new rows", () => {
  const [n, width, classes] = [9, 5, 3];
  const rows = Array.from({ length: n }, (_, i) => {
    const row = gaussian(width, { seed: i + 1 });
    row[i % classes]! += 2;
    return row;
  });
  const labels = rows.map((_, i) => i % classes);
  const ridge = fitRidge(rows, labels, classes);
  const mean = Array.from(
    { length: width },
    (_, k) => rows.reduce((sum, row) => sum + row[k]!, 0) / n,
  );
  const centred = rows.map((row) => [...row].map((x, k) => x - mean[k]!));
  const inner = (a: number[], b: number[]) =>
    a.reduce((sum, x, k) => sum + x * b[k]!, 1);
  for (const [i, own] of centred.entries()) {
    const others = centred.filter((_, k) => k !== i);
    const kept = labels.filter((_, k) => k !== i);
    for (let c = 0; c < classes; c++) {
      const dual = solveDirectly(
        others.map((a, r) =>
          others.map((b, s) => inner(a, b) + (r === s ? ridge.penalty : 0))
        ),
        kept.map((label) => (label === c ? 1 : 0) - 1 / classes),
      );
      const expected = dual.reduce(
        (sum, factor, k) => sum + factor * inner(others[k]!, own),
        0,
      );
      assertClose(
        [ridge.leftOut[i * classes + c]!],
        [expected],
        { atol: 1e-9 },
      );
    }
  }
  const fresh = gaussian(width, { seed: 99, scale: 0.3 });
  fresh[1]! += 3;
  const scores = ridge.predict(fresh);
  strictEqual(scores.indexOf(Math.max(...scores)), 1);
  throws(() => fitRidge([], [], 2), RangeError);
});

Deno.test("suspectLabels() finds the labels that were exchanged, and none in right ones", () => {
  const labels = Int32Array.from({ length: 90 }, (_, i) => i % 3);
  const next = uniform(8);
  const rows: number[] = [];
  for (const label of labels) {
    const top = 0.75 + 0.2 * next();
    for (let c = 0; c < 3; c++) rows.push(c === label ? top : (1 - top) / 2);
  }
  deepStrictEqual(suspectLabels(rows, labels, 3), []);
  const wrong = Int32Array.from(labels);
  wrong[4] = 2;
  wrong[50] = 0;
  const found = suspectLabels(rows, wrong, 3);
  deepStrictEqual(found.map(({ row }) => row).sort((a, b) => a - b), [4, 50]);
  strictEqual(found.find(({ row }) => row === 50)!.suggested, labels[50]);
});
