import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import images from "./mix_images.wgsl" with { type: "text" };
import targets from "./mix_targets.wgsl" with { type: "text" };
import type { Box } from "./view_plan.ts";

const imagesKernel = defineKernel("mix_images", images);
const targetsKernel = defineKernel("mix_targets", targets);

/** Values that one workgroup handles; as in the kernel. */
const SLICE = 1024;

/** Words of one row's record; layout in `mix_images.wgsl`. */
export const MIX_WORDS = 8;

/** How one row is mixed with another. */
export interface MixPlan {
  /** Row of the other image. */
  partner: number;
  /** Part of each pixel outside the box that is the row's own. */
  pixelShare: number;
  /** Part of the target that is the row's own. */
  labelShare: number;
  /** Pixels taken from the partner alone. */
  box: Box;
}

/** Writes a row's record into `words` from `at` on. */
export function packMix(
  plan: MixPlan,
  words: Uint32Array<ArrayBuffer>,
  at: number,
): void {
  const { left, top, right, bottom } = plan.box;
  words.set([plan.partner, 0, 0, 0, left, top, right, bottom], at);
  new Float32Array(words.buffer).set(
    [plan.pixelShare, plan.labelShare],
    at + 1,
  );
}

/** Arguments of {@linkcode mixImages}. */
export interface MixImagesArgs {
  /** `[all, 3, height, width]`, with the partners of all mixed rows. */
  images: Tensor;
  /** Records, `u32 [rows, MIX_WORDS]`. */
  mixing: Tensor;
  /** `[rows, 3, height, width]` */
  output: Tensor;
}

/** Records mixup or CutMix of the first rows, each as its record says. */
export function mixImages(program: Program, args: MixImagesArgs): void {
  const { images, mixing, output } = args;
  const [rows = 0, channels, height = 0, width = 0] = output.shape;
  const [all = 0] = images.shape;
  if (
    output.shape.length !== 4 || channels !== 3 || all < rows ||
    images.length !== all * 3 * height * width ||
    mixing.length !== rows * MIX_WORDS
  ) throw shapeError("mixImages", { images, mixing, output });
  program.dispatch(imagesKernel, {
    uniforms: { u32: [height, width] },
    buffers: [images, mixing, output],
    constants: {
      WORKGROUP_SIZE: program.device.form === "register" ? 8 : 64,
    },
    workgroups: [Math.ceil(3 * height * width / SLICE), rows],
  });
}

/** Arguments of {@linkcode mixTargets}. */
export interface MixTargetsArgs {
  /** u32 `[all]` */
  labels: Tensor;
  /** `[all]`; 0 where the label is unknown. */
  weights: Tensor;
  /** Records, `u32 [rows, MIX_WORDS]`. */
  mixing: Tensor;
  /** Share of each target spread evenly over all classes. */
  smoothing: number;
  /** `[rows, classes]` */
  output: Tensor;
}

/** Records the targets that belong to {@linkcode mixImages}. */
export function mixTargets(program: Program, args: MixTargetsArgs): void {
  const { labels, weights, mixing, output } = args;
  const [rows = 0, classes = 0] = output.shape;
  if (
    output.shape.length !== 2 || labels.length < rows ||
    labels.length !== weights.length || mixing.length !== rows * MIX_WORDS
  ) throw shapeError("mixTargets", { labels, weights, mixing, output });
  program.dispatch(targetsKernel, {
    uniforms: { u32: [rows, classes], f32: [args.smoothing] },
    buffers: [labels, weights, mixing, output],
    workgroups: Math.ceil(rows * classes / 64),
  });
}
