import { deepStrictEqual } from "node:assert";
import { resizeImage } from "../../src/data/mod.ts";
import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import type { Cover, ViewPlan } from "../../src/ops/mod.ts";
import {
  assertClose,
  plainPlan,
  randomImages,
  viewsByReference,
  type ViewsCase,
  viewsOnGpu,
} from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];
const SIZES = [[7, 13], [28, 28], [33, 32], [5, 5], [40, 36]] as const;
const INDICES = [3, 0, 6, 0xffffffff, 3];

/** Five rows: shifts to all sides, both directions. */
function placements(images: ViewsCase["images"]): ViewPlan[] {
  const shifts = [[0, 0], [2, -1], [-3, 3], [0, 0], [1, 2]];
  return shifts.map(([shiftX, shiftY], row) => ({
    ...plainPlan(images),
    shiftX: shiftX!,
    shiftY: shiftY!,
    mirrored: row % 2 === 1,
  }));
}

for (const form of FORMS) {
  Deno.test(`augment() shifts and mirrors as the reference in the ${form} form`, async () => {
    using device = await Device.open({ form });
    for (const channels of [1, 3]) {
      for (const [height, width] of SIZES) {
        const images = randomImages(7, channels, [height, width]);
        const size = { height, width };
        const plans = placements(images);
        for (const reflect of [false, true]) {
          const options = { images, indices: INDICES, plans, size, reflect };
          assertClose(
            await viewsOnGpu(device, options),
            viewsByReference(options),
            { atol: 1e-6 },
            `${channels}x${height}x${width} reflect ${reflect}`,
          );
        }
      }
    }
  });

  Deno.test(`augment() crops and resizes as the reference in the ${form} form`, async () => {
    using device = await Device.open({ form });
    for (const channels of [1, 3]) {
      for (const [height, width] of SIZES) {
        const images = randomImages(7, channels, [height, width]);
        const plans = placements(images).map((plan, row) => ({
          ...plan,
          crop: {
            left: row % 2,
            top: row % 3,
            right: width - row % 4,
            bottom: height - row % 2,
          },
        }));
        for (const [h, w] of [[32, 32], [9, 11], [45, 3]] as const) {
          const size = { height: h, width: w };
          const options = { images, indices: INDICES, plans, size };
          assertClose(
            await viewsOnGpu(device, options),
            viewsByReference(options),
            { atol: 2e-5 },
            `${channels}x${height}x${width} to ${h}x${w}`,
          );
        }
      }
    }
  });

  Deno.test(`augment() lays rectangles over views in the ${form} form`, async () => {
    using device = await Device.open({ form });
    const images = randomImages(7, 3, [9, 14]);
    const covers: Cover[] = [
      { box: { left: -2, top: 3, right: 4, bottom: 20 }, fill: 0.5 },
      { box: { left: 3, top: 0, right: 9, bottom: 5 }, fill: "noise" },
      { box: { left: 8, top: 4, right: 12, bottom: 6 }, fill: 0 },
    ];
    const plans = placements(images).map((plan, row) => ({
      ...plan,
      covers: covers.slice(0, row),
      noiseKey: 17 * row,
    }));
    const size = { height: 9, width: 14 };
    const options = { images, indices: [3, 0, 6, 1, 3], plans, size };
    assertClose(
      await viewsOnGpu(device, options),
      viewsByReference(options),
      { atol: 1e-6 },
    );
  });
}

Deno.test("augment() resizes as resizeImage() but for its roundings", async () => {
  using device = await Device.open();
  const images = randomImages(1, 1, [28, 31]);
  for (const [height, width] of [[64, 50], [13, 9]] as const) {
    const views = await viewsOnGpu(device, {
      images,
      indices: [0],
      plans: [plainPlan(images)],
      size: { height, width },
    });
    const bytes = resizeImage(images.pixels, {
      width: 31,
      height: 28,
      channels: 1,
      toWidth: width,
      toHeight: height,
      filter: "bilinear",
    });
    assertClose(
      views.subarray(0, height * width).map((v) => 255 * v),
      Float64Array.from(bytes),
      // Half a step after each of two axes.
      { atol: 1.01 },
    );
  }
});

Deno.test("augment() gives the same views when the store has several shards", async () => {
  using device = await Device.open();
  const images = randomImages(9, 3, [5, 5]);
  const options = {
    images,
    indices: [8, 0, 3, 4, 0xffffffff],
    plans: placements(images).map((plan) => ({
      ...plan,
      changes: [{ kind: "equalize" }, { kind: "invert" }] as const,
    })),
    size: { height: 5, width: 5 },
  };
  const whole = await viewsOnGpu(device, options);
  // 19 words an image: two images a shard.
  const sharded = await viewsOnGpu(device, { ...options, shardBytes: 160 });
  deepStrictEqual(sharded, whole);
});

Deno.test("augment() copies the bytes when nothing is random", async () => {
  using device = await Device.open();
  const images = randomImages(2, 3, [6, 7]);
  const output = await viewsOnGpu(device, {
    images,
    indices: [1, 0],
    plans: [plainPlan(images), plainPlan(images)],
    size: { height: 6, width: 7 },
  });
  const size = 3 * 6 * 7;
  const bytes = output.map((value) => Math.round(value * 255));
  deepStrictEqual([...bytes.slice(0, size)], [...images.pixels.slice(size)]);
  deepStrictEqual([...bytes.slice(size)], [...images.pixels.slice(0, size)]);
});
