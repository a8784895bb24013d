import {
  type Constants,
  defineKernel,
  type Kernel,
  type KernelForm,
  type Program,
  type Tensor,
} from "../gpu/mod.ts";
import gelu from "./common/gelu.wgsl" with { type: "text" };
import texels from "./common/texels.wgsl" with { type: "text" };
import blocks from "./gemm_blocks.wgsl" with { type: "text" };
import epilogue from "./gemm_epilogue_buffers.wgsl" with { type: "text" };
import scalar from "./gemm_operands_scalar.wgsl" with { type: "text" };
import texture from "./gemm_operands_texture.wgsl" with { type: "text" };
import vec4 from "./gemm_operands_vec4.wgsl" with { type: "text" };
import register from "./gemm_register.wgsl" with { type: "text" };
import splits from "./gemm_splits.wgsl" with { type: "text" };
import tiled from "./gemm_tiled.wgsl" with { type: "text" };

interface Form {
  /** Tile of the output that a workgroup makes. */
  readonly rows: number;
  readonly cols: number;
  /** Workgroups that keep the adapter busy. */
  readonly groups: number;
  /** Kernels for operands with rows that are multiples of 4 long, and others. */
  readonly aligned: Kernel;
  readonly unaligned: Kernel;
}

const registerKernel = defineKernel("gemm_register", register, [
  gelu,
  texels,
  texture,
  blocks,
]);

const FORMS: Record<KernelForm, Form> = {
  register: {
    rows: 16,
    cols: 64,
    groups: 32,
    aligned: registerKernel,
    unaligned: registerKernel,
  },
  tiled: {
    rows: 64,
    cols: 64,
    groups: 160,
    aligned: defineKernel("gemm_tiled", tiled, [gelu, vec4, epilogue, blocks]),
    unaligned: defineKernel("gemm_tiled_scalar", tiled, [
      gelu,
      scalar,
      epilogue,
      blocks,
    ]),
  },
};

const sumSplits = defineKernel("gemm_splits", splits);

/** Depth below which a split costs more than it brings. */
const MIN_CHUNK = 128;

/** Arguments of {@linkcode gemm}; the formula is in `gemm_blocks.wgsl`. */
export interface GemmArgs {
  rows: number;
  cols: number;
  depth: number;
  left: Tensor;
  right: Tensor;
  transposeLeft?: boolean;
  transposeRight?: boolean;
  output: Tensor;
  bias?: Tensor | undefined;
  residual?: Tensor | undefined;
  /** Multiplies the product by GELU's derivative at these values. */
  pre?: Tensor | undefined;
  /** Keeps the value that goes into GELU here; turns GELU on. */
  keep?: Tensor | undefined;
  /** Sums of left over the depth, `[rows]`; splits the depth where that pays. */
  sums?: Tensor | undefined;
  /** Whether the depth may be split; no epilogue then. */
  split?: boolean;
}

/** Records one matrix product with its epilogue. */
export function gemm(program: Program, args: GemmArgs): void {
  const { rows, cols, depth, left, right, output } = args;
  const { transposeLeft = false, transposeRight = false } = args;
  const form = FORMS[program.device.form];
  const tiles = Math.ceil(cols / form.cols);
  const tileCount = tiles * Math.ceil(rows / form.rows);
  const { count, chunk } = args.split === true
    ? splitDepth(depth, tileCount, form.groups)
    : { count: 1, chunk: Math.ceil(depth / 16) * 16 };
  const partial = count === 1
    ? undefined
    : program.scratch([count, rows, cols]);
  const partialSums = count === 1 || args.sums === undefined
    ? undefined
    : program.scratch([count, rows]);
  const side = partialSums ?? args.sums ?? args.keep ?? program.scratch([1]);
  const aligned = (transposeLeft ? rows : depth) % 4 === 0 &&
    (transposeRight ? depth : cols) % 4 === 0;
  const registers = program.device.form === "register";
  // A flag that makes no difference is off, to compile fewer pipelines.
  const flags: Constants = {
    TRANSPOSE_LEFT: Number(transposeLeft),
    TRANSPOSE_RIGHT: Number(transposeRight),
    BIAS: Number(args.bias !== undefined),
    GELU: Number(args.keep !== undefined),
    GELU_DERIVATIVE: Number(args.pre !== undefined),
    RESIDUAL: Number(args.residual !== undefined),
    SUM_LEFT: Number(args.sums !== undefined),
    WHOLE: Number(!transposeLeft && depth % (registers ? 4 : 16) === 0),
  };
  const reads = [
    left,
    right,
    args.bias ?? right,
    args.residual ?? right,
    args.pre ?? right,
  ];
  const writes = [partial ?? output, side];
  program.dispatch(aligned ? form.aligned : form.unaligned, {
    uniforms: { u32: [rows, cols, depth, tiles, count, chunk] },
    ...(registers
      ? { textures: reads, buffers: writes }
      : { buffers: [...reads, ...writes] }),
    constants: registers
      ? {
        ...flags,
        ALIGNED: Number(aligned),
        ALIGNED_OUTPUT: Number(
          cols % 4 === 0 && (args.residual ?? args.pre) !== undefined,
        ),
      }
      : flags,
    workgroups: tileCount * count,
    label: `gemm ${transposeLeft ? "t" : "n"}${transposeRight ? "t" : "n"}`,
    cost: { flops: 2 * rows * cols * depth },
  });
  if (side !== args.sums && side !== args.keep && side !== partialSums) {
    program.release(side);
  }
  if (partial !== undefined) addSplits(program, partial, output, count);
  if (partialSums !== undefined && args.sums !== undefined) {
    addSplits(program, partialSums, args.sums, count);
  }
}

function addSplits(
  program: Program,
  partial: Tensor,
  output: Tensor,
  count: number,
): void {
  program.dispatch(sumSplits, {
    uniforms: { u32: [output.length, count] },
    buffers: [partial, output],
    workgroups: Math.ceil(output.length / 64),
  });
  program.release(partial);
}

/** Depends on the shape only, so the sum is the same wherever it runs. */
function splitDepth(
  depth: number,
  tiles: number,
  groups: number,
): { count: number; chunk: number } {
  const wanted = Math.min(
    Math.ceil(groups / tiles),
    Math.ceil(depth / MIN_CHUNK),
  );
  const chunk = Math.ceil(depth / wanted / 16) * 16;
  return { count: Math.ceil(depth / chunk), chunk };
}
