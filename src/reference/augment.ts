import type { Cover, ViewPlan } from "../ops/mod.ts";
import { changeImage, channelMeans } from "./augment_change.ts";
import { resizeReference } from "./resize.ts";

/** One image of bytes, `[channels, height, width]`. */
export interface ByteImage {
  pixels: ArrayLike<number>;
  channels: number;
  height: number;
  width: number;
}

/** Colours 0..1, `[3, height, width]`. */
export interface ColourImage {
  values: Float64Array;
  height: number;
  width: number;
}

/** The view that `src/ops/augment.ts` makes of a plan, in float64. */
export function augmentReference(
  image: ByteImage,
  plan: ViewPlan,
  options: { height: number; width: number; reflect: boolean },
): Float64Array {
  const { changes, covers, noiseKey } = plan;
  let view = place(image, plan, options);
  let mean = 0;
  changes.forEach((change, i) => {
    view = toBytes(view);
    mean = channelMeans(view).reduce((sum, value) => sum + value, 0) / 3;
    view = changeImage(view, change);
    if (i < changes.length - 1) view = toBytes(view);
  });
  for (const cover of covers) lay(view, cover, { mean, noiseKey });
  return view.values;
}

/** Crop, resize, shift and mirror. */
function place(
  image: ByteImage,
  plan: ViewPlan,
  { height, width, reflect }: {
    height: number;
    width: number;
    reflect: boolean;
  },
): ColourImage {
  const { crop, shiftX, shiftY, mirrored } = plan;
  const planes = [0, 1, 2].map((c) =>
    resizeReference(plane(image, image.channels === 1 ? 0 : c, crop), {
      from: { height: crop.bottom - crop.top, width: crop.right - crop.left },
      to: { height, width },
    })
  );
  const values = new Float64Array(3 * height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let placeX = (mirrored ? width - 1 - x : x) + shiftX;
      let placeY = y + shiftY;
      if (reflect) {
        placeX = mirror(placeX, width);
        placeY = mirror(placeY, height);
      }
      if (placeX < 0 || placeY < 0 || placeX >= width || placeY >= height) {
        continue;
      }
      planes.forEach((values0, c) =>
        values[(c * height + y) * width + x] = values0[placeY * width + placeX]!
      );
    }
  }
  return { values, height, width };
}

function mirror(at: number, size: number): number {
  const last = size - 1;
  return Math.min(Math.max(last - Math.abs(last - Math.abs(at)), 0), last);
}

function plane(
  { pixels, height, width }: ByteImage,
  channel: number,
  { left, top, right, bottom }: ViewPlan["crop"],
): Float64Array {
  const size = right - left;
  return Float64Array.from(
    { length: size * (bottom - top) },
    (_, i) => {
      const y = top + Math.floor(i / size);
      return pixels[(channel * height + y) * width + left + i % size]! / 255;
    },
  );
}

/** Rounded to whole 255ths, as the kernels keep images between changes. */
function toBytes(image: ColourImage): ColourImage {
  return {
    ...image,
    values: image.values.map((v) =>
      Math.floor(0.5 + 255 * Math.min(Math.max(v, 0), 1)) / 255
    ),
  };
}

function lay(
  { values, height, width }: ColourImage,
  { box, fill }: Cover,
  { mean, noiseKey }: { mean: number; noiseKey: number },
): void {
  const size = height * width;
  for (let y = Math.max(0, box.top); y < Math.min(height, box.bottom); y++) {
    for (let x = Math.max(0, box.left); x < Math.min(width, box.right); x++) {
      const colour = fill === "noise"
        ? noise(noiseKey, x, y)
        : new Array<number>(3).fill(fill === "mean" ? mean : fill);
      colour.forEach((v, c) => values[c * size + y * width + x] = v);
    }
  }
}

/** `noise` of `src/ops/common/view_plan.wgsl`. */
function noise(key: number, x: number, y: number): number[] {
  let [a, b, c] = [x, y, key].map((v) =>
    Math.imul(v, 1664525) + 1013904223
  ) as [number, number, number];
  const stir = () => {
    a = (a + Math.imul(b, c)) | 0;
    b = (b + Math.imul(c, a)) | 0;
    c = (c + Math.imul(a, b)) | 0;
  };
  stir();
  [a, b, c] = [a ^ (a >>> 16), b ^ (b >>> 16), c ^ (c >>> 16)];
  stir();
  return [a, b, c].map((v) => (v >>> 8) / 16777216);
}
