/** Sizes of a batch of images, `[batch, channels, height, width]`. */
export interface ImageSizes {
  batch: number;
  channels: number;
  height: number;
  width: number;
}

/** Normalised rows of patches, columns by channel, y, x, in float64. */
export function patchifyReference(
  images: ArrayLike<number>,
  statistics: ArrayLike<number>,
  { batch, channels, height, width, patch }: ImageSizes & { patch: number },
): Float64Array {
  const rows = Math.floor(height / patch);
  const columns = Math.floor(width / patch);
  const perImage = statistics.length > 2 * channels;
  const output: number[] = [];
  for (let b = 0; b < batch; b++) {
    for (let gy = 0; gy < rows; gy++) {
      for (let gx = 0; gx < columns; gx++) {
        for (let c = 0; c < channels; c++) {
          const at = 2 * ((perImage ? b * channels : 0) + c);
          for (let y = 0; y < patch; y++) {
            for (let x = 0; x < patch; x++) {
              const i = ((b * channels + c) * height + gy * patch + y) * width +
                gx * patch + x;
              output.push((images[i]! - statistics[at]!) * statistics[at + 1]!);
            }
          }
        }
      }
    }
  }
  return Float64Array.from(output);
}

/** Gradient of {@linkcode patchifyReference} for the images. */
export function patchifyBackwardReference(
  dOutput: ArrayLike<number>,
  statistics: ArrayLike<number>,
  sizes: ImageSizes & { patch: number },
): Float64Array {
  // Patching numbered pixels tells where each one went.
  const pixels = sizes.batch * sizes.channels * sizes.height * sizes.width;
  const numbers = Float64Array.from({ length: pixels }, (_, i) => i);
  const plain = Float64Array.from(statistics, (_, i) => i % 2);
  const dImages = new Float64Array(pixels);
  patchifyReference(numbers, plain, sizes).forEach((pixel, i) => {
    const plane = Math.floor(pixel / (sizes.height * sizes.width));
    const set = statistics.length > 2 * sizes.channels
      ? plane
      : plane % sizes.channels;
    dImages[pixel] = dOutput[i]! * statistics[2 * set + 1]!;
  });
  return dImages;
}

/** Mean and `1 / max(deviation, 1 / sqrt(n))` of each image, for every channel. */
export function imageStatisticsReference(
  images: ArrayLike<number>,
  { batch, channels, height, width }: ImageSizes,
): Float64Array {
  const n = channels * height * width;
  const output = new Float64Array(batch * channels * 2);
  for (let b = 0; b < batch; b++) {
    let mean = 0;
    for (let i = 0; i < n; i++) mean += images[b * n + i]! / n;
    let variance = 0;
    for (let i = 0; i < n; i++) {
      variance += (images[b * n + i]! - mean) ** 2 / n;
    }
    const scale = 1 / Math.max(Math.sqrt(variance), 1 / Math.sqrt(n));
    for (let c = 0; c < channels; c++) {
      output.set([mean, scale], (b * channels + c) * 2);
    }
  }
  return output;
}
