import type { Kernel, Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import packWgsl from "./wire_blocks_pack.wgsl" with { type: "text" };
import unpackWgsl from "./wire_blocks_unpack.wgsl" with { type: "text" };

const PACK = defineKernel("wire_blocks_pack", packWgsl);
const UNPACK = defineKernel("wire_blocks_unpack", unpackWgsl);

/** Values of a group of blocks, and the words that it takes. */
const GROUP = { values: 128, words: 33 } as const;

interface BlocksArgs {
  tensor: Tensor;
  /** u32; groups of 33 words. */
  packed: Tensor;
  /** Group of `packed` at which the tensor begins. */
  first: number;
  /** Its first value is the factor that the tensor has and the blocks do not. */
  scale: Tensor;
}

/** Groups that a tensor of `length` values fills. */
export function packedGroups(length: number): number {
  return Math.ceil(length / GROUP.values);
}

/**
 * Records `tensor / scale + residual` in blocks of 8-bit values; `residual`, 128 values
 * a group, becomes what they miss of it.
 */
export function packBlocks(
  program: Program,
  args: BlocksArgs & { residual: Tensor },
): void {
  const { tensor, packed, first, scale, residual } = args;
  const groups = packedGroups(tensor.length);
  if ((first + groups) * GROUP.values > residual.length) {
    throw shapeError(PACK.name, { tensor, residual });
  }
  dispatch(program, PACK, args, {
    buffers: [tensor, scale, residual, packed],
    invocations: groups,
    bytes: 4 * (3 * tensor.length + GROUP.words * groups),
  });
}

/** Records the values of blocks, times `scale`; NaN for a block that met one that is not finite. */
export function unpackBlocks(program: Program, args: BlocksArgs): void {
  const { tensor, packed, scale } = args;
  dispatch(program, UNPACK, args, {
    buffers: [packed, scale, tensor],
    invocations: Math.ceil(tensor.length / 4),
    bytes: 4 * tensor.length + 4 * GROUP.words * packedGroups(tensor.length),
  });
}

function dispatch(
  program: Program,
  kernel: Kernel,
  { tensor, packed, first }: BlocksArgs,
  { buffers, invocations, bytes }: {
    buffers: Tensor[];
    invocations: number;
    bytes: number;
  },
): void {
  const groups = packedGroups(tensor.length);
  if (
    tensor.type !== "f32" || packed.type !== "u32" ||
    (first + groups) * GROUP.words > packed.length
  ) {
    throw shapeError(kernel.name, { tensor, packed });
  }
  program.dispatch(kernel, {
    uniforms: { u32: [tensor.length, groups, first] },
    buffers,
    workgroups: Math.ceil(invocations / 64),
    cost: { bytes },
  });
}
