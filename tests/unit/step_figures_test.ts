import { deepStrictEqual } from "node:assert";
import type { Recipe } from "../../src/phases/mod.ts";
import { Figures } from "../../src/phases/step_figures.ts";
import type { FinishedStep } from "../../src/training/mod.ts";

const RECIPE = {
  imagesPerStep: 8,
  loss: (metrics: { get(name: string): number }) => metrics.get("crossEntropy"),
  figures: () => ({}),
  optimizer: {},
} as unknown as Recipe;

function finished(step: number): FinishedStep {
  const get = (name: string) => name === "crossEntropy" ? step + 1 : 0;
  return {
    step,
    totalMs: 10,
    communicationMs: 0,
    ranks: undefined,
    timings: [],
    metrics: { get },
  };
}

Deno.test("Figures are means over the steps that tell them, also once restored", () => {
  const straight = new Figures(RECIPE);
  let resumed = new Figures(RECIPE);
  const known: Record<string, number>[] = [
    { mask_rate: 0 },
    { mask_rate: 0.5, pseudo_label_accuracy: 0.75 },
    { mask_rate: 0.25, pseudo_label_accuracy: 0.25 },
    { mask_rate: 0.25 },
  ];
  known.forEach((figures, step) => {
    for (const each of [straight, resumed]) each.add(finished(step), figures);
    const state = JSON.parse(JSON.stringify(resumed.save()));
    resumed = new Figures(RECIPE);
    resumed.restore(state);
  });
  const means = straight.means([]);
  deepStrictEqual(
    [means.loss, means.mask_rate, means.pseudo_label_accuracy],
    [2.5, 0.25, 0.5],
  );
  deepStrictEqual(resumed.means([]), means);
  const { told: _told, ...older } = straight.save() as Record<string, unknown>;
  resumed.restore(older);
  deepStrictEqual(resumed.means([]).loss, means.loss);
  straight.reset();
  straight.add(finished(0), { mask_rate: 0 });
  // Nothing was used, so nothing was right or wrong.
  deepStrictEqual(straight.means([]).pseudo_label_accuracy, undefined);
});
