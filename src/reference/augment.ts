import { multiplyHigh, philox, uniform01 } from "../random.ts";

/** What the view of one image is a function of, besides the image. */
export interface ViewSource {
  seed: number;
  stream: number;
  step: number;
  salt: number;
  /** Position in the global batch. */
  position: number;
  padding: number;
  flip: boolean;
  /** 0 for the weak view. */
  strength: number;
}

/** One image of bytes, `[channels, height, width]`. */
export interface ByteImage {
  pixels: ArrayLike<number>;
  channels: number;
  height: number;
  width: number;
}

type Colour = [number, number, number];

/** The view that `src/ops/augment.wgsl` makes, `[3, height, width]`, in float64. */
export function augmentReference(
  image: ByteImage,
  source: ViewSource,
): Float64Array {
  const { height, width } = image;
  const weak = draw(source, 0);
  const shifts = 2 * source.padding + 1;
  const shiftX = multiplyHigh(weak[0], shifts) - source.padding;
  const shiftY = multiplyHigh(weak[1], shifts) - source.padding;
  const mirrored = source.flip && weak[2] % 2 === 1;
  const strong = source.strength > 0 ? strongView(image, source) : undefined;
  const output = new Float64Array(3 * height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const placeX = (mirrored ? width - 1 - x : x) + shiftX;
      const placeY = y + shiftY;
      const value = strong?.(x, y, placeX, placeY) ??
        fetch(image, placeX, placeY);
      value.forEach((v, c) => output[(c * height + y) * width + x] = v);
    }
  }
  return output;
}

/** Colour of the strong view at (x, y), from a place in the image. */
function strongView(image: ByteImage, source: ViewSource) {
  const { height, width, pixels } = image;
  const { strength } = source;
  const [affine, more, cutout] = [1, 2, 3].map((i) => draw(source, i));
  const signed = (word: number) => (2 * uniform01(word) - 1) * strength;
  const angle = signed(affine![0]) * 0.5235988;
  const shearX = signed(affine![1]) * 0.2;
  const shearY = signed(affine![2]) * 0.2;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const centreX = (width - 1) / 2;
  const centreY = (height - 1) / 2;
  const moveX = signed(more![0]) * 0.125 * width;
  const moveY = signed(more![1]) * 0.125 * height;
  const brightness = 1 + 0.5 * signed(more![2]);
  const contrast = 1 + 0.5 * signed(more![3]);
  const saturation = 1 + 0.5 * signed(affine![3]);
  const mean = Array.from(pixels).reduce((sum, v) => sum + v, 0) /
    (255 * pixels.length);
  const largest = Math.floor(
    Math.min(width, height) * Math.min(1, strength) / 2,
  );
  const side = multiplyHigh(cutout![0], largest + 1);
  const left = multiplyHigh(cutout![1], width) - Math.floor(side / 2);
  const top = multiplyHigh(cutout![2], height) - Math.floor(side / 2);

  return (x: number, y: number, placeX: number, placeY: number): Colour => {
    if (x >= left && x < left + side && y >= top && y < top + side) {
      return [mean, mean, mean];
    }
    const dx = placeX - centreX;
    const dy = placeY - centreY;
    const shearedX = dx + shearX * dy;
    const shearedY = shearY * dx + dy;
    const colour = bilinear(
      image,
      centreX + cos * shearedX - sin * shearedY + moveX,
      centreY + sin * shearedX + cos * shearedY + moveY,
    ).map((v) => mean + (v * brightness - mean) * contrast) as Colour;
    const gray = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2];
    return colour.map((v) =>
      Math.min(Math.max(gray + (v - gray) * saturation, 0), 1)
    ) as Colour;
  };
}

function draw(source: ViewSource, number: number) {
  const { seed, stream, salt, step, position } = source;
  return philox(
    [seed >>> 0, stream >>> 0],
    [number, position, step, salt],
  );
}

/** A pixel, 0..1; zeros outside, gray repeated. */
function fetch(image: ByteImage, x: number, y: number): Colour {
  const { pixels, channels, height, width } = image;
  if (x < 0 || y < 0 || x >= width || y >= height) return [0, 0, 0];
  return [0, 1, 2].map((c) =>
    pixels[((channels === 1 ? 0 : c) * height + y) * width + x]! / 255
  ) as Colour;
}

function bilinear(image: ByteImage, x: number, y: number): Colour {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const result: Colour = [0, 0, 0];
  for (const [dx, dy] of [[0, 0], [1, 0], [0, 1], [1, 1]] as const) {
    const weight = (dx === 1 ? x - left : 1 - (x - left)) *
      (dy === 1 ? y - top : 1 - (y - top));
    fetch(image, left + dx, top + dy).forEach((v, c) =>
      result[c]! += weight * v
    );
  }
  return result;
}
