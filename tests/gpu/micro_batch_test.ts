import { deepStrictEqual } from "node:assert";
import { splitRows } from "../../src/training/mod.ts";
import {
  assertClose,
  PHASES,
  runTiny,
  writeTinyCifar,
} from "../helpers/mod.ts";

/** Every loss, both kinds of random masks, a few steps a phase. */
const ALL_LOSSES = {
  student: { distilled: true, dropPath: 0.1, dropout: 0.1 },
  phases: {
    teacher: { images: 144 },
    distill: {
      images: 144,
      labels: 0.5,
      hard: 0.5,
      soft: 0.5,
      feature: 0.1,
      relationalDistance: 2,
      relationalAngle: 4,
    },
    classify: { images: 144, backbone: "finetune" },
    selfTrain: { images: 144, threshold: 0.3, consistency: 1 },
    baseline: { images: 144 },
  },
};

/** Figures of every logged step: losses, accuracies and gradient norms. */
const FIGURES = /^(loss|accuracy|gradient_norm|mask_rate)/;

async function figuresOf(
  data: string,
  name: string,
  options: { ranks: number; config: Record<string, unknown> },
) {
  const run = await runTiny({
    ...options,
    folder: `${data}-${name}`,
    data,
    phases: PHASES,
    config: { ...ALL_LOSSES, ...options.config },
  });
  return run.metrics.filter(({ split }) => split === "train").map((line) => ({
    at: `${line.phase} ${line.step}`,
    figures: Object.fromEntries(
      Object.entries(line).filter(([key]) => FIGURES.test(key)),
    ) as Record<string, number>,
  }));
}

async function withData(work: (data: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    await writeTinyCifar(`${folder}/data`, { train: 12, test: 4 });
    await work(`${folder}/data`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("splitRows() covers all rows once, the last range is smaller", () => {
  deepStrictEqual(splitRows(10, 4), [
    { first: 0, size: 4 },
    { first: 4, size: 4 },
    { first: 8, size: 2 },
  ]);
  deepStrictEqual(splitRows(10, 0), [{ first: 0, size: 10 }]);
  deepStrictEqual(splitRows(3, 5), [{ first: 0, size: 3 }]);
});

Deno.test("runPhase() gives the same figures for any micro-batch in every phase", async () => {
  await withData(async (data) => {
    const whole = await figuresOf(data, "whole", { ranks: 1, config: {} });
    for (
      const [name, ranks, microBatch] of [
        ["seven", 1, 7],
        ["ranks", 2, 5],
      ] as const
    ) {
      const found = await figuresOf(data, name, {
        ranks,
        config: { microBatch },
      });
      deepStrictEqual(found.map(({ at }) => at), whole.map(({ at }) => at));
      found.forEach(({ at, figures }, i) => {
        for (const [key, value] of Object.entries(figures)) {
          assertClose(
            [value],
            [whole[i]!.figures[key]!],
            { rtol: 1e-4, atol: 1e-5 },
            `${name}: ${key} at ${at}`,
          );
        }
      });
    }
  });
});

Deno.test("runPhase() gives the same bits when it runs blocks again in backward", async () => {
  await withData(async (data) => {
    const kept = await figuresOf(data, "kept", { ranks: 1, config: {} });
    const again = await figuresOf(data, "again", {
      ranks: 1,
      config: { recompute: true },
    });
    deepStrictEqual(again, kept);
  });
});

Deno.test("runPhase() gives the same figures for a micro-batch with a cached teacher", async () => {
  await withData(async (data) => {
    const config = {
      data: { padding: 0 },
      phases: { ...ALL_LOSSES.phases, teacher: { images: 72 } },
    };
    const whole = await figuresOf(data, "whole", { ranks: 1, config });
    const split = await figuresOf(data, "split", {
      ranks: 2,
      config: { ...config, microBatch: 5 },
    });
    split.forEach(({ at, figures }, i) => {
      for (const [key, value] of Object.entries(figures)) {
        assertClose(
          [value],
          [whole[i]!.figures[key]!],
          { rtol: 1e-4, atol: 1e-5 },
          `${key} at ${at}`,
        );
      }
    });
  });
});
