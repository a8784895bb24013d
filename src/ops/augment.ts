import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import view from "./augment.wgsl" with { type: "text" };
import change from "./augment_change.wgsl" with { type: "text" };
import tables from "./augment_tables.wgsl" with { type: "text" };
import plans from "./common/view_plan.wgsl" with { type: "text" };
import type { ImageStore } from "./image_store.ts";
import { changeOffset, planStride } from "./view_plan.ts";

const viewKernel = defineKernel("augment", view, [plans]);
const changeKernel = defineKernel("augment_change", change, [plans]);
const tablesKernel = defineKernel("augment_tables", tables);

/** Pixels that one workgroup handles; as in the kernels. */
const SLICE = 1024;
/** Words of an image's tables; as in the kernels. */
const TABLE_WORDS = 260;

/** Arguments of {@linkcode augment}. */
export interface AugmentArgs {
  store: ImageStore;
  /** Image of each row, `u32 [batch]`; a number that is no image gives a black one. */
  indices: Tensor;
  /** Records of all rows, `u32 [batch, planStride(changes)]`; see `packPlan`. */
  plan: Tensor;
  /** `[batch, 3, height, width]`, 0..1; of any size with `resize`. */
  output: Tensor;
  /** Changes of each row after its placement. */
  changes: number;
  /** Rows take a part of the stored image, or the output has another size. */
  resize: boolean;
  /** What comes in from outside a shifted view: its mirror image instead of zeros. */
  reflect: boolean;
  /** Rows may have rectangles laid over. */
  covers: boolean;
  /** Some of these are filled with noise. */
  noise: boolean;
  /** Some change turns the hue. */
  hue: boolean;
}

/**
 * Records views of the store's images as their plans say. Without changes that is one
 * pass; each change is one more, over bytes, with a look at the whole image before it.
 */
export function augment(program: Program, args: AugmentArgs): void {
  const { store, indices, plan, output, changes, noise } = args;
  const [batch = 0, channels, height = 0, width = 0] = output.shape;
  const stride = planStride(changes);
  const resized = height !== store.height || width !== store.width;
  if (
    output.shape.length !== 4 || channels !== 3 || indices.length !== batch ||
    plan.length !== batch * stride || (resized && !args.resize)
  ) {
    throw shapeError(
      `augment of ${store.height}x${store.width} images with ${changes} changes`,
      { indices, plan, output },
    );
  }
  if (store.count === 0 || (store.channels !== 1 && store.channels !== 3)) {
    throw new RangeError(
      `Cannot augment ${store.count} images of ${store.channels} channels`,
    );
  }
  const packed = changes === 0
    ? output
    : program.scratch([batch, height, width], "u32");
  recordViews(program, args, packed);
  if (changes === 0) return;

  const { form } = program.device;
  const found = program.scratch([batch, TABLE_WORDS], "u32");
  let from = packed;
  let spare = changes > 1
    ? program.scratch([batch, height, width], "u32")
    : undefined;
  for (let i = 0; i < changes; i++) {
    const last = i === changes - 1;
    program.dispatch(tablesKernel, {
      uniforms: { u32: [height * width, stride, changeOffset(i)] },
      buffers: [from, plan, found],
      constants: { WORKGROUP_SIZE: form === "register" ? 8 : 128 },
      workgroups: [batch],
    });
    const to = last ? output : spare!;
    program.dispatch(changeKernel, {
      uniforms: { u32: [height, width, stride, changeOffset(i)] },
      buffers: [from, plan, found, to],
      constants: {
        WORKGROUP_SIZE: form === "register" ? 8 : 64,
        LAST: last ? 1 : 0,
        COVERED: last && args.covers ? 1 : 0,
        NOISE: last && noise ? 1 : 0,
        HUE: args.hue ? 1 : 0,
      },
      workgroups: [Math.ceil(height * width / SLICE), batch],
    });
    if (!last) [from, spare] = [to, from];
  }
  program.release(found, from);
  if (spare) program.release(spare);
}

function recordViews(
  program: Program,
  args: AugmentArgs,
  target: Tensor,
): void {
  const { store, indices, plan, output, changes } = args;
  const [batch = 0, , height = 0, width = 0] = output.shape;
  for (const shard of store.shards) {
    program.dispatch(viewKernel, {
      uniforms: {
        u32: [
          shard.first,
          shard.count,
          store.count,
          store.channels,
          store.height,
          store.width,
          store.stride,
          height,
          width,
          args.reflect ? 1 : 0,
          planStride(changes),
        ],
      },
      buffers: [shard.pixels, indices, plan, target],
      constants: {
        WORKGROUP_SIZE: program.device.form === "register" ? 8 : 64,
        RESIZE: args.resize ? 1 : 0,
        PACKED: changes > 0 ? 1 : 0,
        COVERED: args.covers && changes === 0 ? 1 : 0,
        NOISE: args.noise && changes === 0 ? 1 : 0,
      },
      workgroups: [Math.ceil(height * width / SLICE), batch],
      // Of the store only the batch's images are read.
      cost: { bytes: 4 * (batch * store.stride + target.length) },
    });
  }
}
