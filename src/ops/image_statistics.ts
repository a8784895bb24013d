import type { Program, Tensor } from "../gpu/mod.ts";
import { shapeError } from "../gpu/mod.ts";
import wgsl from "./image_statistics.wgsl" with { type: "text" };
import { chooseWide, defineWideKernel, rowGroups } from "./wide_kernel.ts";

const kernel = defineWideKernel("image_statistics", wgsl);

/** Arguments of {@linkcode imageStatistics}. */
export interface ImageStatisticsArgs {
  /** `[batch, channels, height, width]` */
  images: Tensor;
  /** `[batch, channels, 2]`: mean and 1 / deviation, equal for all channels */
  output: Tensor;
}

/**
 * Records the statistics of each image over all its pixels and channels, as
 * {@linkcode patchify} takes them. The deviation is at least `1 / sqrt(n)`.
 */
export function imageStatistics(
  program: Program,
  args: ImageStatisticsArgs,
): void {
  const { images, output } = args;
  const [batch = 0, channels = 0] = images.shape;
  if (images.shape.length !== 4 || output.length !== batch * channels * 2) {
    throw shapeError("imageStatistics", { images, output });
  }
  const size = images.length / batch;
  const wide = chooseWide(program, kernel, size);
  program.dispatch(wide.kernel, {
    uniforms: { u32: [batch, size / wide.width, channels] },
    ...wide.bind([images], [output]),
    workgroups: rowGroups(program, batch),
  });
}
