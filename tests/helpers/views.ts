import type { Device } from "../../src/gpu/mod.ts";
import {
  augment,
  ImageStore,
  packPlan,
  planStride,
  type StoredImages,
  type ViewPlan,
} from "../../src/ops/mod.ts";
import { augmentReference } from "../../src/reference/mod.ts";
import { uniform } from "./random.ts";

/** Views to make, on the GPU and by the reference. */
export interface ViewsCase {
  images: StoredImages;
  indices: readonly number[];
  plans: readonly ViewPlan[];
  size: { height: number; width: number };
  reflect?: boolean;
  shardBytes?: number;
}

/** Random bytes; each image has a range of its own, so that histograms differ. */
export function randomImages(
  count: number,
  channels: number,
  [height, width]: readonly [number, number],
): StoredImages {
  const next = uniform(count + channels);
  const size = channels * height * width;
  const pixels = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) {
    const low = 60 * next();
    const range = 60 + 130 * next();
    for (let j = 0; j < size; j++) pixels[i * size + j] = low + range * next();
  }
  return { pixels, count, channels, height, width };
}

/** A plan that leaves an image as it is. */
export function plainPlan(images: StoredImages): ViewPlan {
  return {
    crop: { left: 0, top: 0, right: images.width, bottom: images.height },
    shiftX: 0,
    shiftY: 0,
    mirrored: false,
    changes: [],
    covers: [],
    noiseKey: 0,
  };
}

export async function viewsOnGpu(
  device: Device,
  { images, indices, plans, size, reflect = false, shardBytes }: ViewsCase,
): Promise<Float32Array> {
  using store = ImageStore.create(
    device,
    images,
    shardBytes === undefined ? {} : { shardBytes },
  );
  const batch = indices.length;
  const changes = plans[0]!.changes.length;
  const stride = planStride(changes);
  const words = new Uint32Array(batch * stride);
  plans.forEach((plan, row) => packPlan(plan, words, row * stride));
  const shape = [batch, 3, size.height, size.width];
  const output = device.tensor(
    shape,
    new Float32Array(batch * 3 * size.height * size.width).fill(NaN),
  );
  const covers = plans.flatMap((plan) => plan.covers);
  device.run((program) =>
    augment(program, {
      store,
      indices: device.tensor([batch], Uint32Array.from(indices)),
      plan: device.tensor([batch, stride], words),
      output,
      changes,
      resize: size.height !== images.height || size.width !== images.width ||
        plans.some(({ crop }) =>
          crop.right - crop.left < images.width ||
          crop.bottom - crop.top < images.height
        ),
      reflect,
      covers: covers.length > 0,
      noise: covers.some(({ fill }) => fill === "noise"),
      hue: plans.some((plan) =>
        plan.changes.some((change) =>
          "colour" in change && change.colour.hue !== 0
        )
      ),
    })
  );
  return await device.read(output);
}

export function viewsByReference(
  { images, indices, plans, size, reflect = false }: ViewsCase,
): Float64Array {
  const { channels, height, width } = images;
  const bytes = channels * height * width;
  const rows = indices.map((index, row) =>
    index >= images.count
      ? new Float64Array(3 * size.height * size.width)
      : augmentReference(
        {
          pixels: images.pixels.subarray(index * bytes, (index + 1) * bytes),
          channels,
          height,
          width,
        },
        plans[row]!,
        { ...size, reflect },
      )
  );
  return Float64Array.from(rows.flatMap((row) => [...row]));
}
