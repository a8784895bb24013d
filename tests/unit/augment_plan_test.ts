import { deepStrictEqual, ok } from "node:assert";
import {
  type DrawSource,
  partnerOf,
  PLAIN_VIEW,
  planMix,
  planView,
  symmetricBeta,
  type ViewPolicy,
} from "../../src/augment/mod.ts";

const SIZE = { height: 32, width: 32 };
const COUNT = 2000;

function at(position: number): DrawSource {
  return { seed: 7, stream: 1, step: 3, position, salt: 1 };
}

function plans(policy: Partial<ViewPolicy>, stored = SIZE, size = SIZE) {
  return Array.from(
    { length: COUNT },
    (_, position) =>
      planView({ ...PLAIN_VIEW, ...policy }, at(position), { stored, size }),
  );
}

function share<T>(items: readonly T[], test: (item: T) => boolean): number {
  return items.filter(test).length / items.length;
}

function near(found: number, wanted: number, by: number) {
  ok(Math.abs(found - wanted) < by, `${found} is not ${wanted} ± ${by}`);
}

Deno.test("planView() uses every shift and both directions evenly", () => {
  const made = plans({ padding: 2, flip: true });
  for (const key of ["shiftX", "shiftY"] as const) {
    deepStrictEqual(
      [...new Set(made.map((plan) => plan[key]))].sort((a, b) => a - b),
      [-2, -1, 0, 1, 2],
    );
    near(share(made, (plan) => plan[key] === -2), 0.2, 0.04);
  }
  near(share(made, ({ mirrored }) => mirrored), 0.5, 0.05);
});

Deno.test("planView() leaves the image as it is without chance", () => {
  const [plan] = plans({});
  deepStrictEqual(plan, {
    crop: { left: 0, top: 0, right: 32, bottom: 32 },
    shiftX: 0,
    shiftY: 0,
    mirrored: false,
    changes: [],
    covers: [],
    noiseKey: 0,
  });
});

Deno.test("planView() crops inside the image with the asked area and proportions", () => {
  const resizedCrop = {
    enabled: true,
    minScale: 0.25,
    maxScale: 0.5,
    minRatio: 0.5,
    maxRatio: 2,
  };
  const stored = { height: 200, width: 150 };
  const made = plans({ resizedCrop }, stored);
  for (const { crop } of made) {
    ok(crop.left >= 0 && crop.top >= 0);
    ok(crop.right <= 150 && crop.bottom <= 200);
    const [w, h] = [crop.right - crop.left, crop.bottom - crop.top];
    const area = w * h / (150 * 200);
    ok(area > 0.24 && area < 0.51, `area ${area}`);
    ok(w / h > 0.49 && w / h < 2.05, `${w} x ${h}`);
  }
  const areas = made.map(({ crop }) =>
    (crop.right - crop.left) * (crop.bottom - crop.top) / 30000
  );
  near(areas.reduce((sum, area) => sum + area, 0) / COUNT, 0.37, 0.02);
});

Deno.test("planView() takes the largest centred part when no crop fits", () => {
  const resizedCrop = {
    enabled: true,
    minScale: 1,
    maxScale: 1,
    minRatio: 3,
    maxRatio: 4,
  };
  const [plan] = plans({ resizedCrop }, { height: 30, width: 60 });
  deepStrictEqual(plan!.crop, { left: 0, top: 5, right: 60, bottom: 25 });
});

Deno.test("planView() draws every operation of a set, as often as asked", () => {
  for (const [set, kinds] of [["fixmatch", 14], ["deit", 15]] as const) {
    const randAugment = {
      operations: 2,
      set,
      magnitude: 10,
      spread: "uniform" as const,
      deviation: 0,
      probability: 0.8,
    };
    const made = plans({ randAugment });
    const changes = made.flatMap((plan) => plan.changes);
    deepStrictEqual(changes.length, 2 * COUNT);
    const idle = set === "fixmatch" ? 0.2 + 0.8 / kinds : 0.2;
    near(share(changes, ({ kind }) => kind === "identity"), idle, 0.03);
    near(
      share(changes, ({ kind }) => kind === "equalize"),
      0.8 / kinds,
      0.02,
    );
    near(share(changes, ({ kind }) => kind === "move"), 4 / kinds, 0.03);
    for (const change of changes) {
      if (change.kind === "posterize") {
        const [low, high] = set === "fixmatch" ? [4, 8] : [0, 4];
        ok(change.amount >= low && change.amount <= high);
      } else if (change.kind === "sharpness") {
        const [low, high] = set === "fixmatch" ? [0.05, 0.95] : [0.1, 1.9];
        ok(change.factor >= low - 1e-9 && change.factor <= high + 1e-9);
      }
    }
  }
});

Deno.test("planView() gives a fixed magnitude without deviation", () => {
  const randAugment = {
    operations: 1,
    set: "deit" as const,
    magnitude: 5,
    spread: "normal" as const,
    deviation: 0,
    probability: 1,
  };
  for (const change of plans({ randAugment }).flatMap((p) => p.changes)) {
    if (change.kind === "solarize") deepStrictEqual(change.amount, 128);
    if (change.kind === "posterize") deepStrictEqual(change.amount, 2);
    if (change.kind === "sharpness") {
      near(Math.abs(change.factor - 1), 0.45, 1e-9);
    }
  }
});

Deno.test("planView() erases inside the image and cuts around any pixel", () => {
  const made = plans({
    cutout: { probability: 0.5, minSide: 0.25, maxSide: 0.5, fill: "gray" },
    erasing: {
      probability: 0.25,
      minArea: 0.02,
      maxArea: 0.33,
      minRatio: 0.3,
      fill: "noise",
    },
  });
  const covers = made.flatMap((plan) => plan.covers);
  const cuts = covers.filter(({ fill }) => fill === 0.5);
  const erased = covers.filter(({ fill }) => fill === "noise");
  near(cuts.length / COUNT, 0.5, 0.04);
  near(erased.length / COUNT, 0.25, 0.04);
  for (const { box } of cuts) {
    const side = box.right - box.left;
    deepStrictEqual(box.bottom - box.top, side);
    ok(side >= 8 && side <= 16);
  }
  ok(cuts.some(({ box }) => box.left < 0));
  for (const { box } of erased) {
    ok(box.left >= 0 && box.top >= 0 && box.right <= 32 && box.bottom <= 32);
    const area = (box.right - box.left) * (box.bottom - box.top) / 1024;
    ok(area > 0.01 && area < 0.36, `area ${area}`);
  }
});

Deno.test("planView() fills with the mean through a change that changes nothing", () => {
  const [plan] = plans({
    cutout: { probability: 1, minSide: 0.5, maxSide: 0.5, fill: "mean" },
  });
  deepStrictEqual(plan!.changes, [{ kind: "identity" }]);
});

Deno.test("symmetricBeta() has mean and variance of the distribution", () => {
  for (const alpha of [0.2, 0.8, 1, 4]) {
    const values = Array.from(
      { length: 4 * COUNT },
      (_, i) => symmetricBeta(at(i), 512, alpha),
    );
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) /
      values.length;
    near(mean, 0.5, 0.02);
    near(variance, 1 / (4 * (2 * alpha + 1)), 0.01);
  }
});

const MIX = {
  mixup: 0.8,
  cutmix: 1,
  mixProbability: 0.75,
  switchProbability: 0.4,
  mixPer: "image",
} as const;

Deno.test("planMix() mixes, cuts and leaves alone as often as asked", () => {
  const made = Array.from(
    { length: COUNT },
    (_, i) => planMix(MIX, at(i), SIZE),
  );
  const whole = made.filter((p) => p.pixelShare === 1 && p.box.right === 0);
  const cut = made.filter((p) => p.box.right > 0);
  near(whole.length / COUNT, 0.25, 0.04);
  near(cut.length / COUNT, 0.75 * 0.4, 0.04);
  for (const { box, labelShare } of cut) {
    const area = (box.right - box.left) * (box.bottom - box.top);
    near(labelShare, 1 - area / 1024, 1e-12);
    ok(box.left >= 0 && box.top >= 0 && box.right <= 32 && box.bottom <= 32);
  }
});

Deno.test("planMix() gives the whole batch one share when asked", () => {
  const policy = { ...MIX, mixPer: "batch" } as const;
  const made = [0, 1, 2, 3].map((i) => planMix(policy, at(i), SIZE));
  for (const plan of made) deepStrictEqual(plan, made[0]);
});

Deno.test("partnerOf() pairs a batch with itself in reverse", () => {
  deepStrictEqual([0, 1, 2, 3, 4].map((i) => partnerOf(i, 5)), [4, 3, 2, 1, 0]);
});
