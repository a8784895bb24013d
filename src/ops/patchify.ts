import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import wgsl from "./patchify.wgsl" with { type: "text" };

const kernel = defineKernel("patchify", wgsl);

/** Arguments of {@linkcode patchify}. */
export interface PatchifyArgs {
  /** `[batch, channels, height, width]` */
  images: Tensor;
  /** Mean and 1 / deviation, `[1 or batch, channels, 2]` */
  statistics: Tensor;
  /** `[batch * patches, channels * patch * patch]`; columns by channel, y, x */
  output: Tensor;
  /** Side of a patch in pixels. */
  patch: number;
}

/**
 * Records normalisation and the cut into patches. Pixels right of and below the
 * last whole patch are ignored.
 */
export function patchify(program: Program, args: PatchifyArgs): void {
  const { images, statistics, output, patch } = args;
  const [batch = 0, channels = 0, height = 0, width = 0] = images.shape;
  const rows = Math.floor(height / patch);
  const columns = Math.floor(width / patch);
  const [sets = 0] = statistics.shape;
  if (
    images.shape.length !== 4 || (sets !== 1 && sets !== batch) ||
    statistics.length !== sets * channels * 2 || rows < 1 || columns < 1 ||
    output.length !== batch * rows * columns * channels * patch * patch
  ) {
    throw shapeError(`patchify with patch ${patch}`, {
      images,
      statistics,
      output,
    });
  }
  program.dispatch(kernel, {
    uniforms: {
      u32: [
        channels,
        height,
        width,
        patch,
        rows,
        columns,
        sets === 1 ? 0 : 2 * channels,
      ],
    },
    buffers: [images, statistics, output],
    workgroups: [Math.ceil(rows * patch * columns / 8), batch, channels],
  });
}
