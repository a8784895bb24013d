import { deepStrictEqual, ok } from "node:assert";
import { makePreview } from "../../src/augment/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { randomImages, runTiny, writeTinyCifar } from "../helpers/mod.ts";

/** Everything at once, on images enlarged from 32 to 40 pixels. */
const AUGMENTED = {
  data: {
    imageSize: 40,
    flip: true,
    augment: {
      border: "reflect",
      resizedCrop: { enabled: true, minScale: 0.5 },
      colourJitter: { brightness: 0.2, contrast: 0.2 },
      randAugment: { operations: 1, set: "deit" },
      erasing: { probability: 0.5 },
      mixup: 0.8,
      cutmix: 1,
      mixPer: "image",
    },
  },
  evaluation: { everySteps: 1000 },
  phases: {
    teacher: { images: 4 * 24, labelSmoothing: 0.1 },
    distill: { images: 4 * 24, labels: 1, hard: 1 },
  },
};

Deno.test("runPhase() with mixed views gives the same losses on 1 and 2 ranks", async () => {
  const root = await Deno.makeTempDir();
  try {
    await writeTinyCifar(`${root}/data`, { train: 9, test: 2 });
    const losses: number[][] = [];
    for (const ranks of [1, 2]) {
      const { metrics } = await runTiny({
        ranks,
        folder: `${root}/run-${ranks}`,
        data: `${root}/data`,
        phases: ["teacher", "distill"],
        config: AUGMENTED,
      });
      losses.push(
        metrics.filter(({ split }) => split === "train")
          .map(({ loss }) => loss as number),
      );
    }
    ok(losses[0]!.length > 0);
    losses[0]!.forEach((loss, i) => {
      const other = losses[1]![i]!;
      ok(Math.abs(loss - other) <= 1e-4 * Math.abs(loss), `${loss} ${other}`);
    });
    deepStrictEqual(losses[1]!.length, losses[0]!.length);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("makePreview() shows stored, random, strong and mixed images", async () => {
  using device = await Device.open();
  const config = parseConfig(AUGMENTED);
  const images = { ...randomImages(5, 1, [32, 32]), labels: new Int32Array(5) };
  const names = async (phase: "teacher" | "selfTrain") => {
    const options = { config, images, indices: [4, 0, 2], phase, steps: 1 };
    const { rows, side } = await makePreview(device, options);
    deepStrictEqual(side, 40);
    for (const row of rows) {
      deepStrictEqual(row.images.map(({ length }) => length), [
        4800,
        4800,
        4800,
      ]);
    }
    deepStrictEqual(new Set(rows.map((row) => row.images.join())).size, 3);
    return rows.map(({ name }) => name);
  };
  deepStrictEqual(await names("teacher"), ["stored", "view 1", "mixed 1"]);
  deepStrictEqual(await names("selfTrain"), ["stored", "view 1", "strong 1"]);
});
