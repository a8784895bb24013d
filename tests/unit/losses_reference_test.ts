import {
  classAttentionReference,
  consistencyMseReference,
  crossEntropyReference,
  distillKlReference,
  entropyReference,
  featureMseReference,
  relationalAngleReference,
  relationalDistanceReference,
  softCrossEntropyReference,
  softmaxLinearReference,
  softmaxReference,
} from "../../src/reference/mod.ts";
import { assertClose, gaussian } from "../helpers/mod.ts";

const ROWS = 4;
const COLS = 6;
const student = Float64Array.from(gaussian(ROWS * COLS, { seed: 1, scale: 2 }));
const teacher = gaussian(ROWS * COLS, { seed: 2, scale: 2 });
const weights = [1, 0.5, 0, 2];
const labels = [3, 0, 1, 5];

interface Loss {
  loss: ArrayLike<number> | number;
  gradient: Float64Array;
}

function total({ loss }: Loss): number {
  return typeof loss === "number"
    ? loss
    : Array.from(loss).reduce((sum, value) => sum + value, 0);
}

const LOSSES: Record<string, (values: Float64Array) => Loss> = {
  crossEntropy: (z) =>
    crossEntropyReference(z, labels, weights, { cols: COLS, smoothing: 0.1 }),
  softCrossEntropy: (z) =>
    softCrossEntropyReference(
      z,
      softmaxReference(teacher, COLS),
      weights,
      COLS,
    ),
  distillKl: (z) =>
    distillKlReference(z, teacher, weights, { cols: COLS, temperature: 3 }),
  consistencyMse: (z) => consistencyMseReference(z, teacher, weights, COLS),
  entropy: (z) => entropyReference(z, weights, COLS),
  softmaxLinear: (z) =>
    softmaxLinearReference(z, teacher.slice(0, COLS), weights),
  featureMse: (z) =>
    featureMseReference(z, teacher, [1, 0.5], {
      studentTokens: 4,
      studentDim: 3,
      teacherTokens: 2,
      teacherDim: 6,
    }),
  relationalDistance: (z) =>
    relationalDistanceReference(z, teacher, {
      rows: ROWS,
      dim: COLS,
      teacherDim: COLS,
    }),
  relationalAngle: (z) =>
    relationalAngleReference(z, teacher, {
      equalRows: "zero",
      rows: ROWS,
      dim: COLS,
      teacherDim: COLS,
    }),
  classAttention: (z) => {
    const dMap = [0.3, -1, 0.5];
    const { map, gradient } = classAttentionReference(z, dMap, {
      batch: 1,
      tokens: 4,
      heads: 2,
      headDim: 1,
      prefix: 1,
    });
    return { loss: map.map((value, i) => value * dMap[i]!), gradient };
  },
};

for (const [name, lossOf] of Object.entries(LOSSES)) {
  Deno.test(`${name}: the float64 gradient equals finite differences`, () => {
    const step = 1e-6;
    const numeric = student.map((value, i) => {
      const at = (moved: number) => total(lossOf(student.with(i, moved)));
      return (at(value + step) - at(value - step)) / (2 * step);
    });
    assertClose(lossOf(student).gradient, numeric, { atol: 1e-8, rtol: 1e-6 });
  });
}
