import type { Program, Tensor } from "../gpu/mod.ts";
import { defineRealKernel, shapeError } from "../gpu/mod.ts";
import backward from "./patchify_backward.wgsl" with { type: "text" };
import forward from "./patchify.wgsl" with { type: "text" };
import { realTypeOf } from "./real_type.ts";
import { chooseWide, defineWideKernel } from "./wide_kernel.ts";

const forwardKernel = defineWideKernel("patchify", forward, {
  single: ["First"],
});
const backwardKernels = defineRealKernel("patchify_backward", backward);

/** Arguments of {@linkcode patchify}; `output` is f32 or f16, the others f32. */
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
  const sizes = sizesOf("patchify", args);
  const { batch, channels, height, width, rows, columns, stride } = sizes;
  const type = realTypeOf("patchify", { output }, { images, statistics });
  // Lines of patches start at multiples of four if lines of images do.
  const wide = chooseWide(
    program,
    forwardKernel,
    width % 4 === 0 ? patch : width,
    type,
  );
  program.dispatch(wide.kernel, {
    uniforms: {
      u32: [
        channels,
        height,
        width / wide.width,
        patch / wide.width,
        patch,
        rows,
        columns,
        stride,
      ],
    },
    ...wide.bind([images], [statistics, output]),
    workgroups: [Math.ceil(rows * columns / 8), batch, channels],
  });
}

/** Arguments of {@linkcode patchifyBackward}; shapes as in {@linkcode PatchifyArgs}. */
export interface PatchifyBackwardArgs {
  dOutput: Tensor;
  statistics: Tensor;
  /** Overwritten. */
  dImages: Tensor;
  patch: number;
}

/** Records the gradient of {@linkcode patchify} for the images. */
export function patchifyBackward(
  program: Program,
  args: PatchifyBackwardArgs,
): void {
  const { dOutput, statistics, dImages, patch } = args;
  const sizes = sizesOf("patchifyBackward", {
    images: dImages,
    statistics,
    output: dOutput,
    patch,
  });
  const { batch, channels, height, width, rows, columns, stride } = sizes;
  const pixels = dImages.length / (batch * channels);
  const type = realTypeOf(
    "patchifyBackward",
    { dOutput },
    { statistics, dImages },
  );
  program.dispatch(backwardKernels[type], {
    uniforms: {
      u32: [channels, height, width, patch, rows, columns, stride],
    },
    buffers: [dOutput, statistics, dImages],
    workgroups: [Math.ceil(pixels / 64), batch, channels],
  });
}

function sizesOf(op: string, args: PatchifyArgs) {
  const { images, statistics, output, patch } = args;
  const [batch = 0, channels = 0, height = 0, width = 0] = images.shape;
  const rows = Math.floor(height / patch);
  const columns = Math.floor(width / patch);
  const [sets = 0] = statistics.shape;
  if (
    images.shape.length !== 4 || (sets !== 1 && sets !== batch) ||
    statistics.length !== sets * channels * 2 || !(rows >= 1) ||
    !(columns >= 1) ||
    output.length !== batch * rows * columns * channels * patch * patch
  ) {
    throw shapeError(`${op} with patch ${patch}`, {
      images,
      statistics,
      output,
    });
  }
  const stride = sets === 1 ? 0 : 2 * channels;
  return {
    batch,
    channels,
    height,
    width,
    rows,
    columns,
    stride,
  };
}
