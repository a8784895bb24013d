import { deepStrictEqual, notDeepStrictEqual, ok } from "node:assert";
import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import { augment, ImageStore } from "../../src/ops/mod.ts";
import { augmentReference } from "../../src/reference/mod.ts";
import { StepUniform } from "../../src/training/step_uniform.ts";
import { assertClose, uniform } from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];
const RANDOM = { seed: 11, stream: 3, step: 2 };

interface Views {
  images: ReturnType<typeof imageSet>;
  indices: readonly number[];
  positions: readonly number[];
  padding?: number;
  flip?: boolean;
  strength: number;
  salt?: number;
  step?: number;
  shardBytes?: number;
}

function imageSet(count: number, channels: number, size: [number, number]) {
  const [height, width] = size;
  const next = uniform(count + channels);
  const pixels = Uint8Array.from(
    { length: count * channels * height * width },
    () => next() * 256,
  );
  return { pixels, count, channels, height, width };
}

async function views(device: Device, options: Views) {
  const { images, indices, positions, strength, shardBytes } = options;
  const uniform = new StepUniform(device);
  uniform.write({
    ...RANDOM,
    step: options.step ?? RANDOM.step,
    learningRate: 0,
    correction1: 0,
    correction2: 0,
    emaDecay: 0,
  });
  using store = ImageStore.create(
    device,
    images,
    shardBytes === undefined ? {} : { shardBytes },
  );
  const batch = indices.length;
  const output = device.tensor(
    [batch, 3, images.height, images.width],
    new Float32Array(batch * 3 * images.height * images.width).fill(NaN),
  );
  device.run((program) =>
    augment(program, {
      store,
      indices: device.tensor([batch], Uint32Array.from(indices)),
      positions: device.tensor([batch], Uint32Array.from(positions)),
      step: uniform.tensor,
      output,
      padding: options.padding ?? 2,
      flip: options.flip ?? true,
      strength,
      salt: options.salt ?? 5,
    })
  );
  return await device.read(output);
}

function expectedViews(options: Views): Float64Array {
  const { images, indices, positions, strength } = options;
  const { channels, height, width } = images;
  const size = channels * height * width;
  const rows = indices.map((index, b) =>
    index >= images.count
      ? new Float64Array(3 * height * width)
      : augmentReference({
        pixels: images.pixels.subarray(index * size, (index + 1) * size),
        channels,
        height,
        width,
      }, {
        ...RANDOM,
        position: positions[b]!,
        padding: options.padding ?? 2,
        flip: options.flip ?? true,
        strength,
        salt: options.salt ?? 5,
      })
  );
  return Float64Array.from(rows.flatMap((row) => [...row]));
}

for (const form of FORMS) {
  Deno.test(`augment() matches the reference in the ${form} form`, async () => {
    using device = await Device.open({ form });
    for (const channels of [1, 3]) {
      for (const size of [[5, 5], [9, 14], [32, 32], [40, 36]] as const) {
        const images = imageSet(7, channels, [...size]);
        const indices = [3, 0, 6, 0xffffffff, 3];
        const positions = [0, 1, 2, 3, 40];
        for (const strength of [0, 0.5, 1]) {
          const options = { images, indices, positions, strength };
          assertClose(
            await views(device, options),
            expectedViews(options),
            // Bytes differ by up to 1 between neighbours: places need 1e-4 pixels.
            { atol: strength === 0 ? 1e-6 : 5e-4 },
            `${channels}x${size} strength ${strength}`,
          );
        }
      }
    }
  });
}

Deno.test("augment() gives the same views when the store has several shards", async () => {
  using device = await Device.open();
  const options = {
    images: imageSet(9, 3, [5, 5]),
    indices: [8, 0, 3, 4, 0xffffffff, 2, 7, 5],
    positions: [0, 1, 2, 3, 4, 5, 6, 7],
    strength: 1,
  };
  const whole = await views(device, options);
  // 19 words an image: two images a shard.
  const sharded = await views(device, { ...options, shardBytes: 160 });
  deepStrictEqual(sharded, whole);
});

for (const strength of [0, 1]) {
  Deno.test(`augment() gives the same views however the batch is divided with strength ${strength}`, async () => {
    using device = await Device.open();
    const images = imageSet(10, 3, [8, 8]);
    const indices = [9, 1, 4, 4, 0, 7];
    const positions = [0, 1, 2, 3, 4, 5];
    const whole = await views(device, { images, indices, positions, strength });
    for (const cuts of [[0, 3, 6], [0, 1, 5, 6]]) {
      const parts: number[] = [];
      for (let rank = 0; rank + 1 < cuts.length; rank++) {
        parts.push(
          ...await views(device, {
            images,
            indices: indices.slice(cuts[rank], cuts[rank + 1]),
            positions: positions.slice(cuts[rank], cuts[rank + 1]),
            strength,
          }),
        );
      }
      deepStrictEqual(parts, [...whole]);
    }
    const size = 3 * 8 * 8;
    notDeepStrictEqual(
      whole.slice(2 * size, 3 * size),
      whole.slice(3 * size, 4 * size),
    );
  });
}

Deno.test("augment() draws another view when step or salt differ", async () => {
  using device = await Device.open();
  const options = {
    images: imageSet(1, 1, [12, 12]),
    indices: [0],
    positions: [0],
    strength: 1,
  };
  const kinds = [
    await views(device, options),
    await views(device, { ...options, salt: 6 }),
    await views(device, { ...options, step: 3 }),
  ].map((values) => values.join());
  deepStrictEqual(new Set(kinds).size, 3);
});

Deno.test("augment() copies the bytes when nothing is random", async () => {
  using device = await Device.open();
  const images = imageSet(2, 3, [6, 7]);
  const output = await views(device, {
    images,
    indices: [1, 0],
    positions: [0, 1],
    padding: 0,
    flip: false,
    strength: 0,
  });
  const size = 3 * 6 * 7;
  const bytes = output.map((value) => Math.round(value * 255));
  deepStrictEqual([...bytes.slice(0, size)], [...images.pixels.slice(size)]);
  deepStrictEqual([...bytes.slice(size)], [...images.pixels.slice(0, size)]);
});

Deno.test("augment() uses every shift and both directions over many images", async () => {
  using device = await Device.open();
  // One bright pixel in the middle: its place tells shift and mirror.
  const images = imageSet(1, 1, [7, 7]);
  images.pixels.fill(0);
  images.pixels[3 * 7 + 2] = 255;
  const batch = 400;
  const output = await views(device, {
    images,
    indices: new Array(batch).fill(0),
    positions: Array.from({ length: batch }, (_, i) => i),
    padding: 1,
    strength: 0,
  });
  const places = new Set<number>();
  for (let b = 0; b < batch; b++) {
    const image = output.subarray(b * 3 * 49, b * 3 * 49 + 49);
    const place = image.indexOf(1);
    ok(place >= 0);
    places.add(place);
  }
  // Rows 2..4; columns 1..3 as it is, 3..5 mirrored.
  deepStrictEqual(places.size, 15);
});
