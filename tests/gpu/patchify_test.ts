import { throws } from "node:assert";
import { Device, type KernelForm, type RealType } from "../../src/gpu/mod.ts";
import {
  imageStatistics,
  patchify,
  patchifyBackward,
} from "../../src/ops/mod.ts";
import {
  imageStatisticsReference,
  patchifyBackwardReference,
  patchifyReference,
} from "../../src/reference/mod.ts";
import { assertClose, gaussian, stored } from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];
const TYPES: readonly RealType[] = ["f32", "f16"];

const CASES = [
  { size: [32, 32], patch: 8, batch: 3, sets: 3 },
  { size: [32, 32], patch: 4, batch: 2, sets: 1 },
  { size: [17, 13], patch: 5, batch: 3, sets: 3 },
  { size: [7, 7], patch: 7, batch: 1, sets: 1 },
  { size: [3, 5], patch: 1, batch: 2, sets: 1 },
] as const;

for (
  const { size: [height, width], patch, batch, sets, form, type } of CASES
    .flatMap((shape) =>
      FORMS.flatMap((form) => TYPES.map((type) => ({ ...shape, form, type })))
    )
) {
  const close = type === "f32"
    ? { atol: 1e-6, rtol: 1e-6 }
    : { atol: 5e-4, rtol: 6e-4 };
  Deno.test(`patchify() and its gradient match the reference for ${batch} images of ${height}x${width}, patch ${patch}, ${sets} statistics in the ${form} form, ${type}`, async () => {
    using device = await Device.open({ form });
    const sizes = { batch, channels: 3, height, width };
    const images = gaussian(batch * 3 * height * width, { seed: 1 });
    const statistics = gaussian(sets * 6, { seed: 2 });
    const patches = Math.floor(height / patch) * Math.floor(width / patch);
    const output = device.tensor(
      [batch * patches, 3 * patch * patch],
      undefined,
      type,
    );
    const dOutput = stored(gaussian(output.length, { seed: 3 }), type);
    const dImages = device.tensor([batch, 3, height, width]);
    const shared = {
      statistics: device.tensor([sets, 3, 2], statistics),
      patch,
    };
    device.run((program) => {
      patchify(program, {
        images: device.tensor([batch, 3, height, width], images),
        output,
        ...shared,
      });
      patchifyBackward(program, {
        dOutput: device.tensor(output.shape, dOutput, type),
        dImages,
        ...shared,
      });
    });
    assertClose(
      await device.read(dImages),
      patchifyBackwardReference(dOutput, statistics, { ...sizes, patch }),
      close,
    );
    assertClose(
      await device.read(output),
      patchifyReference(images, statistics, { ...sizes, patch }),
      close,
    );
  });
}

for (const form of FORMS) {
  Deno.test(`imageStatistics() matches the reference in the ${form} form`, async () => {
    using device = await Device.open({ form });
    for (
      const [batch, height, width] of [[1, 1, 1], [3, 5, 7], [
        9,
        32,
        32,
      ]] as const
    ) {
      const images = gaussian(batch * 3 * height * width, {
        seed: 3,
        scale: 0.2,
        mean: 0.6,
      });
      const output = device.tensor([batch, 3, 2]);
      device.run((program) =>
        imageStatistics(program, {
          images: device.tensor([batch, 3, height, width], images),
          output,
        })
      );
      assertClose(
        await device.read(output),
        imageStatisticsReference(images, {
          batch,
          channels: 3,
          height,
          width,
        }),
        { atol: 1e-6, rtol: 1e-5 },
      );
    }
  });

  Deno.test(`imageStatistics() stays finite when an image has one colour in the ${form} form`, async () => {
    using device = await Device.open({ form });
    const images = new Float32Array(2 * 3 * 16).fill(0.3, 48);
    const output = device.tensor([2, 3, 2]);
    device.run((program) =>
      imageStatistics(program, {
        images: device.tensor([2, 3, 4, 4], images),
        output,
      })
    );
    const scale = Math.sqrt(48);
    assertClose(
      await device.read(output),
      [0, scale, 0, scale, 0, scale, 0.3, scale, 0.3, scale, 0.3, scale],
      { atol: 1e-5 },
    );
  });
}

Deno.test("patchify() names the shapes when the patch is larger than the image", async () => {
  using device = await Device.open();
  const images = device.tensor([1, 3, 4, 4]);
  const statistics = device.tensor([1, 3, 2]);
  throws(
    () =>
      device.run((program) =>
        patchify(program, {
          images,
          statistics,
          output: device.tensor([1, 75]),
          patch: 5,
        })
      ),
    /patchify with patch 5.*images \[1,3,4,4\]/,
  );
});
