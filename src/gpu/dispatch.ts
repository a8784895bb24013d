import { DeviceLimitError } from "./errors.ts";
import type { Constants, Kernel } from "./kernel.ts";
import { type Tensor, tensorBytes } from "./tensor.ts";
import type { Matrix } from "./texture_layout.ts";

const MAX_WORKGROUPS = 65535;

/** Arguments of {@linkcode Program.dispatch}. */
export interface Dispatch {
  /**
   * Fixed for the life of the program: the struct at binding 0, all its `u32`
   * before all its `f32`. Left out, the first buffer is at binding 0.
   */
  uniforms?: { u32?: readonly number[]; f32?: readonly number[] };
  /**
   * Copied to textures and bound after the uniforms: CPU adapters read texels
   * several times faster than buffers. See `TEXTURE_WIDTH` and `MatrixLayout`.
   */
  textures?: readonly (Tensor | Matrix)[];
  /** Bound in order after the uniforms and textures. */
  buffers: readonly Tensor[];
  /** Values for `override` declarations; each combination is a pipeline. */
  constants?: Constants;
  /**
   * A number is a one-dimensional grid, split over x and y when it exceeds the
   * limit: such kernels compute `(group.y * groups.x + group.x)` and guard the end.
   */
  workgroups: number | readonly number[];
  /** Under which `--profile` counts it; default: the kernel's name. */
  label?: string;
  /** What `--profile` divides by the time: work of the op, not of the kernel. */
  cost?: Cost;
}

/** The least work of an op. */
export interface Cost {
  /** Floating-point operations; a multiply-add is two. Default: not counted. */
  flops?: number;
  /** Bytes read and written. Default: those of all bound tensors. */
  bytes?: number;
}

/**
 * Workgroups in three dimensions.
 *
 * @throws {DeviceLimitError} If they are too many.
 */
export function gridOf(
  kernel: Kernel,
  workgroups: Dispatch["workgroups"],
): [number, number, number] {
  if (typeof workgroups === "number") {
    const y = Math.ceil(workgroups / MAX_WORKGROUPS);
    return [y === 0 ? 0 : Math.ceil(workgroups / y), y, 1];
  }
  const [x = 1, y = 1, z = 1] = workgroups;
  if (x > MAX_WORKGROUPS || y > MAX_WORKGROUPS || z > MAX_WORKGROUPS) {
    throw new DeviceLimitError(
      `Cannot dispatch ${kernel.name} over [${x}, ${y}, ${z}] workgroups: at most ${MAX_WORKGROUPS} a dimension`,
    );
  }
  return [x, y, z];
}

/** Each tensor counts once, however often it is bound. */
export function boundBytes({ textures = [], buffers }: Dispatch): number {
  const read = textures.map((it) => "tensor" in it ? it.tensor : it);
  return [...new Set([...read, ...buffers])]
    .reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
}
