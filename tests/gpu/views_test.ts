import { deepStrictEqual, notDeepStrictEqual, ok } from "node:assert";
import {
  Mixing,
  type MixPolicy,
  PLAIN_VIEW,
  type ViewPolicy,
  Views,
} from "../../src/augment/mod.ts";
import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import {
  ImageStore,
  MIX_WORDS,
  mixImages,
  type MixPlan,
  mixTargets,
  packMix,
} from "../../src/ops/mod.ts";
import {
  mixImagesReference,
  mixTargetsReference,
} from "../../src/reference/mod.ts";
import { assertClose, randomImages, uniform } from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];
const IMAGES = randomImages(10, 3, [17, 16]);
const SIZE = { height: 19, width: 18 };

const WILD: ViewPolicy = {
  padding: 2,
  border: "reflect",
  flip: true,
  strength: 0.5,
  resizedCrop: {
    enabled: true,
    minScale: 0.2,
    maxScale: 1,
    minRatio: 0.75,
    maxRatio: 1.33,
  },
  colourJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
  randAugment: {
    operations: 2,
    set: "deit",
    magnitude: 9,
    spread: "normal",
    deviation: 0.5,
    probability: 0.9,
  },
  cutout: { probability: 0.5, minSide: 0.2, maxSide: 0.5, fill: "gray" },
  erasing: {
    probability: 0.5,
    minArea: 0.02,
    maxArea: 0.33,
    minRatio: 0.3,
    fill: "noise",
  },
};

const MIX: MixPolicy = {
  mixup: 0.8,
  cutmix: 1,
  mixProbability: 0.9,
  switchProbability: 0.5,
  mixPer: "image",
};

/** Views of the images at some positions of a global batch. */
async function views(
  device: Device,
  positions: readonly number[],
  options: { policy?: ViewPolicy; step?: number; salt?: number } = {},
): Promise<Float32Array> {
  const { policy = WILD, step = 3, salt = 1 } = options;
  using store = ImageStore.create(device, IMAGES);
  using made = new Views(device, {
    store,
    policy,
    indices: device.tensor(
      [positions.length],
      Uint32Array.from(positions, (position) => position * 7 % 10),
    ),
    positions,
    size: SIZE,
    seed: 5,
    stream: 2,
    salt,
  });
  made.write(step);
  const shape = [positions.length, 3, SIZE.height, SIZE.width];
  const target = device.tensor(shape);
  device.run((program) => program.copy(made.record(program), target));
  return await device.read(target);
}

Deno.test("Views are the same however the batch is divided", async () => {
  using device = await Device.open();
  const all = [0, 1, 2, 3, 4, 5, 6];
  const whole = await views(device, all);
  for (const cuts of [[0, 4, 7], [0, 1, 5, 7]]) {
    const parts: number[] = [];
    for (let rank = 0; rank + 1 < cuts.length; rank++) {
      parts.push(...await views(device, all.slice(cuts[rank], cuts[rank + 1])));
    }
    deepStrictEqual(parts, [...whole]);
  }
});

Deno.test("Views differ with step, salt and position", async () => {
  using device = await Device.open();
  const kinds = [
    await views(device, [0]),
    await views(device, [0], { step: 4 }),
    await views(device, [0], { salt: 2 }),
    // The same image at another position.
    await views(device, [10]),
  ].map((values) => values.join());
  deepStrictEqual(new Set(kinds).size, 4);
});

Deno.test("Views of a policy without chance do not depend on the step", async () => {
  using device = await Device.open();
  const first = await views(device, [0, 1], { policy: PLAIN_VIEW, step: 0 });
  const second = await views(device, [0, 1], { policy: PLAIN_VIEW, step: 9 });
  deepStrictEqual(first, second);
});

/** Mixed images and targets of a rank's rows. */
async function mixed(
  device: Device,
  { first, size, globalBatch }: {
    first: number;
    size: number;
    globalBatch: number;
  },
) {
  using store = ImageStore.create(device, IMAGES);
  using mixing = new Mixing(device, {
    policy: MIX,
    globalBatch,
    first,
    size,
    image: SIZE,
    seed: 5,
    stream: 2,
  });
  const { positions, indices } = mixing;
  using made = new Views(device, {
    store,
    policy: WILD,
    indices,
    positions,
    size: SIZE,
    seed: 5,
    stream: 2,
    salt: 1,
  });
  made.write(4);
  mixing.write(4, {
    indices: Uint32Array.from(positions, (p) => p * 7 % 10),
    labels: Uint32Array.from(positions, (p) => p % 3),
    weights: Float32Array.from(positions, (p) => p % 4 === 1 ? 0 : 1),
  });
  const images = device.tensor([size, 3, SIZE.height, SIZE.width]);
  const targets = device.tensor([size, 3]);
  device.run((program) => {
    program.copy(mixing.record(program, made.record(program)), images);
    const options = { classes: 3, smoothing: 0.1 };
    program.copy(mixing.recordTargets(program, options), targets);
  });
  return {
    rows: positions.length,
    images: [...await device.read(images)],
    targets: [...await device.read(targets)],
  };
}

Deno.test("Mixing gives the same images and targets however the batch is divided", async () => {
  using device = await Device.open();
  const globalBatch = 7;
  const whole = await mixed(device, { first: 0, size: 7, globalBatch });
  deepStrictEqual(whole.rows, 7);
  for (const cuts of [[0, 4, 7], [0, 1, 2, 7]]) {
    const images: number[] = [];
    const targets: number[] = [];
    for (let rank = 0; rank + 1 < cuts.length; rank++) {
      const first = cuts[rank]!;
      const size = cuts[rank + 1]! - first;
      const part = await mixed(device, { first, size, globalBatch });
      ok(part.rows <= 2 * size);
      images.push(...part.images);
      targets.push(...part.targets);
    }
    deepStrictEqual(images, whole.images);
    deepStrictEqual(targets, whole.targets);
  }
  notDeepStrictEqual(
    whole.images,
    [...await views(device, [0, 1, 2, 3, 4, 5, 6])],
  );
});

for (const form of FORMS) {
  Deno.test(`mixImages() and mixTargets() match the reference in the ${form} form`, async () => {
    using device = await Device.open({ form });
    for (const [height, width] of [[7, 13], [28, 28], [33, 32]] as const) {
      const next = uniform(height);
      const size = 3 * height * width;
      const images = Float32Array.from({ length: 6 * size }, next);
      const plans: MixPlan[] = [4, 5, 2, 1].map((partner, row) => ({
        partner,
        pixelShare: row % 2 === 0 ? 1 : 0.3,
        labelShare: [0.8, 0.3, 0.5, 1][row]!,
        box: row % 2 === 0
          ? { left: 2, top: 1 + row, right: 2 + 3 * row + 4, bottom: 6 }
          : { left: 0, top: 0, right: 0, bottom: 0 },
      }));
      const words = new Uint32Array(4 * MIX_WORDS);
      plans.forEach((plan, row) => packMix(plan, words, row * MIX_WORDS));
      // The fourth is no class.
      const labels = Uint32Array.from([0, 4, 2, 9, 1, 3]);
      const weights = Float32Array.from([1, 1, 0, 1, 0.5, 1]);
      const mixing = device.tensor([4, MIX_WORDS], words);
      const output = device.tensor([4, 3, height, width]);
      const targets = device.tensor([4, 5]);
      device.run((program) => {
        mixImages(program, {
          images: device.tensor([6, 3, height, width], images),
          mixing,
          output,
        });
        mixTargets(program, {
          labels: device.tensor([6], labels),
          weights: device.tensor([6], weights),
          mixing,
          smoothing: 0.2,
          output: targets,
        });
      });
      assertClose(
        await device.read(output),
        mixImagesReference(images, plans, { height, width }),
        { atol: 1e-6 },
      );
      assertClose(
        await device.read(targets),
        mixTargetsReference(plans, {
          labels,
          weights,
          classes: 5,
          smoothing: 0.2,
        }),
        { atol: 1e-6 },
      );
    }
  });
}
