import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import wgsl from "./augment.wgsl" with { type: "text" };
import philox from "./common/philox.wgsl" with { type: "text" };
import step from "./common/step.wgsl" with { type: "text" };
import type { ImageStore } from "./image_store.ts";

const kernel = defineKernel("augment", wgsl, [step, philox]);

/** Pixels that one workgroup handles; as in the kernel. */
const SLICE = 1024;

/** Arguments of {@linkcode augment}. */
export interface AugmentArgs {
  store: ImageStore;
  /** Image of each row, `u32 [batch]`; a number that is no image gives zeros. */
  indices: Tensor;
  /** Position of each row in the global batch, `u32 [batch]` */
  positions: Tensor;
  /** The per-step uniform: seed, stream and step. */
  step: Tensor;
  /** `[batch, 3, height, width]`, 0..1 */
  output: Tensor;
  /** Largest shift in pixels; zeros come in from outside. */
  padding: number;
  /** Mirror half of the images left to right. */
  flip: boolean;
  /**
   * 0: shift and flip only. Above: also rotation, shear, translation, brightness,
   * contrast, saturation and cutout; 1 is the usual strong view.
   */
  strength: number;
  /** Differs for views of one batch that are to differ. */
  salt: number;
}

/**
 * Records random views of the store's images. They depend on seed, stream, step,
 * position in the global batch and salt alone, not on how ranks divide the batch.
 */
export function augment(program: Program, args: AugmentArgs): void {
  const { store, indices, positions, output, padding, strength } = args;
  const { height, width, channels, count } = store;
  const batch = indices.length;
  if (
    positions.length !== batch || output.length !== batch * 3 * height * width
  ) {
    throw shapeError(`augment of ${height}x${width} images`, {
      indices,
      positions,
      output,
    });
  }
  if (count === 0 || (channels !== 1 && channels !== 3)) {
    throw new RangeError(
      `Cannot augment ${count} images of ${channels} channels`,
    );
  }
  if (!Number.isInteger(padding) || padding < 0 || !(strength >= 0)) {
    throw new RangeError(
      `Cannot augment with padding ${padding} and strength ${strength}`,
    );
  }
  const maxCutout = Math.floor(
    Math.min(width, height) * Math.min(1, strength) / 2,
  );
  for (const shard of store.shards) {
    program.dispatch(kernel, {
      uniforms: {
        u32: [
          shard.first,
          shard.count,
          count,
          channels,
          height,
          width,
          store.stride,
          padding,
          args.flip ? 1 : 0,
          args.salt >>> 0,
          maxCutout,
        ],
        f32: [strength],
      },
      buffers: [
        args.step,
        shard.pixels,
        store.means,
        indices,
        positions,
        output,
      ],
      constants: {
        WORKGROUP_SIZE: program.device.form === "register" ? 8 : 64,
        STRONG: strength > 0 ? 1 : 0,
      },
      workgroups: [Math.ceil(height * width / SLICE), batch],
    });
  }
}
