import type { Kernel, Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import packWgsl from "./wire_pack.wgsl" with { type: "text" };
import unpackWgsl from "./wire_unpack.wgsl" with { type: "text" };

const PACK = defineKernel("wire_pack", packWgsl);
const UNPACK = defineKernel("wire_unpack", unpackWgsl);

/** Types of 16 bits in which f32 tensors are packed. */
export type HalfType = "bf16" | "f16";

interface WireArgs {
  tensor: Tensor;
  /** u32; two values a word. */
  packed: Tensor;
  /** Word of `packed` at which the tensor begins. */
  first: number;
  type: HalfType;
}

/** Words that a tensor of `length` values fills when it is packed. */
export function packedWords(length: number): number {
  return Math.ceil(length / 2);
}

/** Records the rounding of `tensor` into `packed`, to nearest, ties to even; f16 overflows to infinity. */
export function packWire(program: Program, args: WireArgs): void {
  dispatch(program, PACK, args, [args.tensor, args.packed]);
}

/** Records the exact values of `packed` into `tensor`. */
export function unpackWire(program: Program, args: WireArgs): void {
  dispatch(program, UNPACK, args, [args.packed, args.tensor]);
}

function dispatch(
  program: Program,
  kernel: Kernel,
  { tensor, packed, first, type }: WireArgs,
  buffers: Tensor[],
): void {
  const words = packedWords(tensor.length);
  if (
    tensor.type !== "f32" || packed.type !== "u32" ||
    first + words > packed.length
  ) {
    throw shapeError(kernel.name, { tensor, packed });
  }
  program.dispatch(kernel, {
    uniforms: { u32: [tensor.length, first] },
    buffers,
    constants: { HALF: Number(type === "f16") },
    workgroups: Math.ceil(words / 64),
    cost: { bytes: 4 * tensor.length + 4 * words },
  });
}
