/** How `resizeImage` weighs the pixels under the filter. */
export type ResizeFilter = "bilinear" | "bicubic";

export interface ResizeOptions {
  width: number;
  height: number;
  channels: number;
  toWidth: number;
  toHeight: number;
  filter: ResizeFilter;
}

/** Fixed-point fraction bits: 8 bits of pixel and 2 of headroom stay free in 32. */
const PRECISION_BITS = 22;

function triangle(x: number): number {
  const distance = Math.abs(x);
  return distance < 1 ? 1 - distance : 0;
}

/** Keys' cubic with a = -0.5. */
function cubic(x: number): number {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * a;
  return 0;
}

const FILTERS = {
  bilinear: { support: 1, weight: triangle },
  bicubic: { support: 2, weight: cubic },
} as const;

/** For each output position: where its window starts, how long it is, and its weights. */
interface Windows {
  starts: Int32Array;
  lengths: Int32Array;
  /** `[to, size]` fixed point, each row sums to about 1. */
  weights: Int32Array;
  size: number;
}

/**
 * Weights along one axis. When shrinking, the filter is stretched by the scale,
 * so every input pixel counts (antialiasing).
 */
function makeWindows(from: number, to: number, filter: ResizeFilter): Windows {
  const { support, weight } = FILTERS[filter];
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  const size = Math.ceil(reach) * 2 + 1;
  const starts = new Int32Array(to);
  const lengths = new Int32Array(to);
  const weights = new Int32Array(to * size);
  const row = new Float64Array(size);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const length = Math.min(from, Math.trunc(centre + reach + 0.5)) - start;
    let sum = 0;
    for (let k = 0; k < length; k++) {
      row[k] = weight((k + start - centre + 0.5) / stretch);
      sum += row[k]!;
    }
    starts[i] = start;
    lengths[i] = length;
    for (let k = 0; k < length; k++) {
      weights[i * size + k] = Math.round(
        (sum === 0 ? row[k]! : row[k]! / sum) * 2 ** PRECISION_BITS,
      );
    }
  }
  return { starts, lengths, weights, size };
}

/**
 * Resamples one axis. `step` is the distance of neighbours along that axis,
 * `lines` runs over everything before it and `step` values lie inside it.
 */
function resample(
  source: Uint8Array,
  { lines, step, from, to, windows }: {
    lines: number;
    step: number;
    from: number;
    to: number;
    windows: Windows;
  },
): Uint8Array {
  const { starts, lengths, weights, size } = windows;
  const result = new Uint8ClampedArray(lines * to * step);
  const half = 1 << (PRECISION_BITS - 1);
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < to; i++) {
      const first = (line * from + starts[i]!) * step;
      const target = (line * to + i) * step;
      const length = lengths[i]!;
      for (let inner = 0; inner < step; inner++) {
        let sum = half;
        for (let k = 0; k < length; k++) {
          sum += source[first + inner + k * step]! * weights[i * size + k]!;
        }
        result[target + inner] = sum >> PRECISION_BITS;
      }
    }
  }
  return new Uint8Array(result.buffer);
}

/**
 * Resizes interleaved pixels `[height, width, channels]` as Pillow does:
 * antialiased when shrinking, half-pixel centres, bicubic with a = -0.5, rounded
 * to a byte after the horizontal and again after the vertical pass.
 */
export function resizeImage(
  pixels: Uint8Array,
  { width, height, channels, toWidth, toHeight, filter }: ResizeOptions,
): Uint8Array {
  if (pixels.length !== width * height * channels) {
    throw new RangeError(
      `Cannot resize image: ${width}x${height}x${channels} is not ${pixels.length} bytes`,
    );
  }
  const wide = toWidth === width ? pixels : resample(pixels, {
    lines: height,
    step: channels,
    from: width,
    to: toWidth,
    windows: makeWindows(width, toWidth, filter),
  });
  return toHeight === height ? wide : resample(wide, {
    lines: 1,
    step: toWidth * channels,
    from: height,
    to: toHeight,
    windows: makeWindows(height, toHeight, filter),
  });
}
