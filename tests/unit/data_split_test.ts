import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import fc from "fast-check";
import {
  type DataSet,
  hashDataSet,
  splitDataSet,
  splitFromJson,
  splitToJson,
} from "../../src/data/mod.ts";
import { ConfigError } from "../../src/env/mod.ts";

/** A set of 1x1 images with the given labels. */
function setOf(labels: readonly number[], classes = 3): DataSet {
  const part = (own: readonly number[]) => ({
    pixels: Uint8Array.from(own, (_, i) => i % 256),
    count: own.length,
    channels: 1,
    height: 1,
    width: 1,
    labels: Int32Array.from(own),
    nameOf: String,
  });
  return {
    name: "tiny",
    classNames: Array.from({ length: classes }, (_, i) => `class${i}`),
    train: part(labels),
    test: part([0, 1, 2]),
    skipped: [],
  };
}

/** 20, 30 and 40 images of the classes, mixed, and 5 unlabelled. */
const LABELS = [
  ...Array.from({ length: 60 }, (_, i) => i % 3),
  ...Array.from({ length: 20 }, (_, i) => 1 + i % 2),
  ...Array.from({ length: 10 }, () => 2),
  ...Array.from({ length: 5 }, () => -1),
];

Deno.test("splitDataSet() gives each class its counts and the rest to no label", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0xffffffff }),
      fc.nat(10),
      fc.nat(9),
      (seed, labelsPerClass, validationPerClass) => {
        const set = setOf(LABELS);
        const options = { seed, labelsPerClass, validationPerClass };
        const split = splitDataSet(set, options);
        deepStrictEqual(split, splitDataSet(set, options));
        const all = [
          ...split.labelled,
          ...split.validation,
          ...split.unlabelled,
        ];
        deepStrictEqual(
          all.sort((a, b) => a - b),
          LABELS.map((_, i) => i),
        );
        for (let label = 0; label < 3; label++) {
          const count = (group: Int32Array) =>
            group.filter((i) => LABELS[i] === label).length;
          const own = LABELS.filter((value) => value === label).length;
          strictEqual(count(split.validation), validationPerClass);
          strictEqual(
            count(split.labelled),
            labelsPerClass === 0 ? own - validationPerClass : labelsPerClass,
          );
        }
        deepStrictEqual([...split.test], [0, 1, 2]);
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("splitDataSet() keeps validation and adds to the labelled when more are asked for", () => {
  const set = setOf(LABELS);
  const split = (labelsPerClass: number, seed = 7) =>
    splitDataSet(set, { seed, labelsPerClass, validationPerClass: 5 });
  deepStrictEqual(split(2).validation, split(9).validation);
  deepStrictEqual(split(0).validation, split(9).validation);
  const more = new Set(split(9).labelled);
  ok(split(2).labelled.every((i) => more.has(i)));
  ok(String(split(2, 8).labelled) !== String(split(2).labelled));
});

Deno.test("splitDataSet() names the classes that have too few images", () => {
  throws(
    () =>
      splitDataSet(setOf(LABELS), {
        seed: 1,
        labelsPerClass: 20,
        validationPerClass: 15,
      }),
    (error) =>
      error instanceof ConfigError &&
      /needs 15 validation \+ 20 labelled .* class0 20, class1 30$/.test(
        error.message,
      ),
  );
  throws(
    () =>
      splitDataSet(setOf([0, 1, 2]), {
        seed: 1,
        labelsPerClass: 0,
        validationPerClass: 1,
      }),
    /class0 1, class1 1, class2 1/,
  );
  throws(
    () =>
      splitDataSet(setOf(LABELS), {
        seed: 1,
        labelsPerClass: -1,
        validationPerClass: 0,
      }),
    /labelsPerClass must be a whole number >= 0: current value is -1/,
  );
  throws(
    () =>
      splitDataSet({
        ...setOf(LABELS),
        classNames: [...setOf(LABELS).classNames, "empty"],
      }, {
        seed: 1,
        labelsPerClass: 0,
        validationPerClass: 0,
      }),
    (error) =>
      error instanceof ConfigError &&
      /too few in empty 0$/.test(error.message) &&
      /^Remove the classes without an image \(1\)/.test(error.hint ?? ""),
  );
});

Deno.test("splitFromJson() reads what splitToJson() wrote", () => {
  const dataSet = setOf(LABELS);
  const dataHash = hashDataSet(dataSet);
  const split = splitDataSet(dataSet, {
    seed: 3,
    labelsPerClass: 4,
    validationPerClass: 2,
  });
  const text = splitToJson(split, dataHash);
  deepStrictEqual(
    splitFromJson(text, { dataSet, dataHash, path: "split.json" }),
    split,
  );
});

Deno.test("splitFromJson() refuses other data and damaged text", () => {
  const dataSet = setOf(LABELS);
  const dataHash = hashDataSet(dataSet);
  const good = {
    version: 1,
    dataHash,
    seed: 3,
    labelled: [1, 2],
    validation: [3],
  };
  const cases: [unknown, RegExp][] = [
    ["{", /split\.json: it is no JSON/],
    [{ ...good, dataHash: "0".repeat(64) }, /made for data 000000000000, this/],
    [{ ...good, labelled: [1, 1] }, /labelled image 1 is listed twice/],
    [{ ...good, validation: [2] }, /validation image 2 is listed twice/],
    [{ ...good, validation: [95] }, /image 95 does not exist, .* 95 training/],
    [{ ...good, labelled: [-1] }, /labelled\.0/],
    [{ ...good, labelled: [0.5] }, /labelled\.0/],
    [{ ...good, version: 2 }, /version/],
    [{ ...good, extra: 1 }, /extra/],
    [null, /content/],
  ];
  for (const [json, reason] of cases) {
    const text = typeof json === "string" ? json : JSON.stringify(json);
    throws(
      () => splitFromJson(text, { dataSet, dataHash, path: "split.json" }),
      (error) => error instanceof ConfigError && reason.test(error.message),
      String(reason),
    );
  }
});

Deno.test("hashDataSet() changes with every pixel, label, shape and class name", () => {
  const set = setOf(LABELS);
  const { train } = set;
  const hash = hashDataSet(set);
  strictEqual(hashDataSet(setOf(LABELS)), hash);
  const variants: DataSet[] = [
    { ...set, classNames: ["a", "b", "c"] },
    { ...set, train: { ...train, labels: train.labels.with(4, 2) } },
    { ...set, train: { ...train, pixels: train.pixels.with(9, 0) } },
    { ...set, test: { ...set.test, height: 3, count: 1 } },
    { ...set, train: set.test, test: train },
  ];
  strictEqual(new Set([hash, ...variants.map(hashDataSet)]).size, 6);
});
