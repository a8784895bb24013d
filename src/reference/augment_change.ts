import type { Change, Colour } from "../ops/mod.ts";
import type { ColourImage } from "./augment.ts";

type Triple = [number, number, number];

const LUMA = [0.299, 0.587, 0.114] as const;

/** Mean of each channel. */
export function channelMeans({ values }: ColourImage): number[] {
  const size = values.length / 3;
  return [0, 1, 2].map((c) =>
    values.subarray(c * size, (c + 1) * size).reduce((sum, v) => sum + v, 0) /
    size
  );
}

/** One change of a view, in float64; formulas in `src/ops/augment_change.wgsl`. */
export function changeImage(image: ColourImage, change: Change): ColourImage {
  switch (change.kind) {
    case "identity":
      return image;
    case "invert":
      return byBytes(image, () => (i) => 255 - i);
    case "solarize":
      return byBytes(image, () => (i) => i < change.amount ? i : 255 - i);
    case "solarizeAdd":
      return byBytes(
        image,
        () => (i) => i < 128 ? Math.min(255, i + change.amount) : i,
      );
    case "posterize":
      return byBytes(image, () => (i) => i - i % 2 ** (8 - change.amount));
    case "autoContrast":
      return byBytes(image, autoContrast);
    case "equalize":
      return byBytes(image, equalize);
    case "sharpness":
      return sharpen(image, change.factor);
    case "colour":
      return recolour(image, change.colour);
    case "move":
      return recolour(move(image, change), change.colour, image);
  }
}

/** Maps the bytes of each channel by a table that its histogram may decide. */
function byBytes(
  image: ColourImage,
  tableOf: (counts: number[]) => (i: number) => number,
): ColourImage {
  const size = image.values.length / 3;
  const bytes = image.values.map((v) => Math.round(255 * v));
  const values = new Float64Array(bytes.length);
  for (let c = 0; c < 3; c++) {
    const counts = new Array<number>(256).fill(0);
    const plane = bytes.subarray(c * size, (c + 1) * size);
    for (const byte of plane) counts[byte]!++;
    const table = tableOf(counts);
    plane.forEach((byte, i) => values[c * size + i] = table(byte) / 255);
  }
  return { ...image, values };
}

function autoContrast(counts: number[]): (i: number) => number {
  const lowest = counts.findIndex((count) => count > 0);
  const highest = counts.findLastIndex((count) => count > 0);
  if (highest === lowest) return (i) => i;
  return (i) => Math.floor((i - lowest) * 255 / (highest - lowest));
}

function equalize(counts: number[]): (i: number) => number {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const highest = counts.findLastIndex((count) => count > 0);
  const step = Math.floor((all - counts[highest]!) / 255);
  if (step === 0) return (i) => i;
  return (i) => {
    const below = counts.slice(0, i).reduce((sum, count) => sum + count, 0);
    return Math.min(255, Math.floor((Math.floor(step / 2) + below) / step));
  };
}

function at(image: ColourImage, x: number, y: number): Triple | undefined {
  const { values, height, width } = image;
  if (x < 0 || y < 0 || x >= width || y >= height) return undefined;
  return [0, 1, 2].map((c) => values[(c * height + y) * width + x]!) as Triple;
}

function perPixel(
  { height, width }: ColourImage,
  colourAt: (x: number, y: number) => ArrayLike<number>,
): ColourImage {
  const values = new Float64Array(3 * height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = colourAt(x, y);
      for (let c = 0; c < 3; c++) {
        values[(c * height + y) * width + x] = colour[c]!;
      }
    }
  }
  return { values, height, width };
}

function sharpen(image: ColourImage, factor: number): ColourImage {
  return perPixel(image, (x, y) => {
    const own = at(image, x, y)!;
    const sum = own.map((v) => 4 * v);
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const near = at(image, x + dx, y + dy);
        if (!near) return own.map(clamp);
        near.forEach((v, c) => sum[c]! += v);
      }
    }
    return own.map((v, c) => clamp(sum[c]! / 13 + factor * (v - sum[c]! / 13)));
  });
}

function move(
  image: ColourImage,
  { affine, fill }: Change & { kind: "move" },
): ColourImage {
  const { xx, xy, yx, yy, x0, y0 } = affine;
  return perPixel(image, (x, y) => {
    const placeX = xx * x + xy * y + x0;
    const placeY = yx * x + yy * y + y0;
    const left = Math.floor(placeX);
    const top = Math.floor(placeY);
    const sum: Triple = [0, 0, 0];
    for (const [dx, dy] of [[0, 0], [1, 0], [0, 1], [1, 1]] as const) {
      const weight = (dx === 1 ? placeX - left : 1 - (placeX - left)) *
        (dy === 1 ? placeY - top : 1 - (placeY - top));
      (at(image, left + dx, top + dy) ?? fill).forEach((v, c) =>
        sum[c]! += weight * v
      );
    }
    return sum;
  });
}

/** @param counted The image whose means count; the image itself by default. */
function recolour(
  image: ColourImage,
  colour: Colour,
  counted = image,
): ColourImage {
  const { brightness, contrast, saturation, hue, pivot } = colour;
  const middle = channelMeans(counted)
    .reduce((sum, mean, c) => sum + mean * pivot[c]!, 0);
  return perPixel(image, (x, y) => {
    const first = at(image, x, y)!.map((v) =>
      middle + (v * brightness - middle) * contrast
    );
    const gray = first.reduce((sum, v, c) => sum + v * LUMA[c]!, 0);
    const second = first.map((v) => clamp(gray + (v - gray) * saturation));
    return hue === 0 ? second : turnHue(second as Triple, hue);
  });
}

function clamp(v: number): number {
  return Math.min(Math.max(v, 0), 1);
}

/** By way of hue, saturation and value. */
function turnHue([r, g, b]: Triple, turns: number): number[] {
  const top = Math.max(r, g, b);
  const chroma = top - Math.min(r, g, b);
  if (chroma === 0) return [r, g, b];
  const sixths = top === r
    ? (g - b) / chroma
    : top === g
    ? 2 + (b - r) / chroma
    : 4 + (r - g) / chroma;
  const turned = (((sixths + 6 * turns) % 6) + 6) % 6;
  const second = chroma * (1 - Math.abs(turned % 2 - 1));
  const low = top - chroma;
  const sectors: Triple[] = [
    [chroma, second, 0],
    [second, chroma, 0],
    [0, chroma, second],
    [0, second, chroma],
    [second, 0, chroma],
    [chroma, 0, second],
  ];
  return sectors[Math.floor(turned) % 6]!.map((v) => v + low);
}
