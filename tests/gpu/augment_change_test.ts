import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import type { Affine, Change, Colour } from "../../src/ops/mod.ts";
import {
  assertClose,
  plainPlan,
  randomImages,
  viewsByReference,
  viewsOnGpu,
} from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];

const PLAIN: Colour = {
  brightness: 1,
  contrast: 1,
  saturation: 1,
  hue: 0,
  pivot: [0.299, 0.587, 0.114],
};

const TURN: Affine = {
  xx: 0.9,
  xy: -0.3,
  yx: 0.25,
  yy: 1.1,
  x0: 1.3,
  y0: -2.2,
};

const CHANGES: readonly Change[] = [
  { kind: "identity" },
  { kind: "autoContrast" },
  { kind: "equalize" },
  { kind: "invert" },
  { kind: "solarize", amount: 100 },
  { kind: "solarize", amount: 256 },
  { kind: "solarizeAdd", amount: 60 },
  { kind: "posterize", amount: 3 },
  { kind: "posterize", amount: 0 },
  { kind: "posterize", amount: 8 },
  { kind: "sharpness", factor: 0.05 },
  { kind: "sharpness", factor: 1.8 },
  { kind: "colour", colour: { ...PLAIN, brightness: 1.6 } },
  { kind: "colour", colour: { ...PLAIN, contrast: 0.1 } },
  { kind: "colour", colour: { ...PLAIN, contrast: 1.7, pivot: [0.1, 0.9, 0] } },
  { kind: "colour", colour: { ...PLAIN, saturation: 0 } },
  { kind: "colour", colour: { ...PLAIN, brightness: 0.8, saturation: 1.9 } },
  { kind: "colour", colour: { ...PLAIN, hue: 0.31 } },
  { kind: "colour", colour: { ...PLAIN, hue: -0.4, contrast: 1.2 } },
  { kind: "move", colour: PLAIN, affine: TURN, fill: [0, 0, 0] },
  {
    kind: "move",
    colour: { ...PLAIN, contrast: 0.6, brightness: 1.3, saturation: 0.7 },
    affine: { ...TURN, xx: -1, x0: 12 },
    fill: [0.485, 0.456, 0.406],
  },
];

for (const form of FORMS) {
  Deno.test(`augment() changes views as the reference in the ${form} form`, async () => {
    using device = await Device.open({ form });
    for (const channels of [1, 3]) {
      // Below 255 pixels no image can be equalized; the last size is above one slice.
      for (const size of [[7, 13], [28, 28], [33, 32]] as const) {
        const images = randomImages(5, channels, size);
        const options = {
          images,
          indices: CHANGES.map((_, i) => i % 5),
          plans: CHANGES.map((change) => ({
            ...plainPlan(images),
            changes: [change],
          })),
          size: { height: size[0], width: size[1] },
        };
        assertClose(
          await viewsOnGpu(device, options),
          viewsByReference(options),
          // Places are known to 1e-5 pixels and neighbours differ by up to 1.
          { atol: 5e-5 },
          `${channels}x${size}`,
        );
      }
    }
  });

  Deno.test(`augment() changes views one after the other in the ${form} form`, async () => {
    using device = await Device.open({ form });
    const images = randomImages(5, 3, [33, 32]);
    const chains: Change[][] = [
      [CHANGES[2]!, CHANGES[3]!, CHANGES[4]!],
      [CHANGES[1]!, CHANGES[0]!, CHANGES[10]!],
      [CHANGES[3]!, CHANGES[7]!, CHANGES[2]!],
      [CHANGES[6]!, CHANGES[2]!, CHANGES[19]!],
      [CHANGES[0]!, CHANGES[0]!, CHANGES[0]!],
    ];
    const options = {
      images,
      indices: [0, 1, 2, 3, 4],
      plans: chains.map((changes, row) => ({
        ...plainPlan(images),
        mirrored: row % 2 === 0,
        shiftX: row - 2,
        changes,
        covers: [
          {
            box: { left: 20, top: 3, right: 40, bottom: 12 },
            fill: "mean" as const,
          },
          {
            box: { left: 3, top: 20, right: 20, bottom: 30 },
            fill: "noise" as const,
          },
        ],
        noiseKey: 99 + row,
      })),
      size: { height: 33, width: 32 },
    };
    assertClose(
      await viewsOnGpu(device, options),
      viewsByReference(options),
      { atol: 5e-5 },
    );
  });
}
