import {
  type Constants,
  defineKernel,
  type KernelForm,
  type Program,
  type RealType,
  type Tensor,
} from "../gpu/mod.ts";
import { gemmKernel } from "./gemm_kernels.ts";
import { matrixOf } from "./matrix_source.ts";
import splits from "./gemm_splits.wgsl" with { type: "text" };

/** Workgroups that keep an adapter of a form busy: the depth is split to get them. */
const GROUPS: Record<KernelForm, number> = { register: 32, tiled: 320 };

/** Tiles of 64 columns from which on higher tiles keep a GPU busy too. */
const HIGH_TILES = 1024;

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
  /** Multiplies the product by these derivatives. */
  slope?: Tensor | undefined;
  /** Keeps GELU's derivative here; turns GELU on. */
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
  checkTypes(args);
  const { form } = program.device;
  const registers = form === "register";
  const tileRows = registers
    ? transposeLeft ? 16 : 12
    : Math.ceil(cols / 64) * Math.ceil(rows / 64) < HIGH_TILES
    ? 64
    : 128;
  const tiles = Math.ceil(cols / 64);
  const tileCount = tiles * Math.ceil(rows / tileRows);
  const { count, chunk } = args.split === true
    ? splitDepth(depth, tileCount, GROUPS[form])
    : { count: 1, chunk: Math.ceil(depth / 16) * 16 };
  const partial = count === 1
    ? undefined
    : program.scratch([count, rows, cols]);
  const partialSums = count === 1 || args.sums === undefined
    ? undefined
    : program.scratch([count, rows]);
  const side = partialSums ?? args.sums ?? args.keep ??
    program.scratch([4], output.type);
  const leftRow = transposeLeft ? rows : depth;
  const rightRow = transposeRight ? depth : cols;
  const kernel = gemmKernel({
    form,
    left: realType(left),
    right: realType(right),
    bias: realType(args.bias ?? right),
    output: realType(output),
    transposeLeft,
    // Sums of left go to the side by fours too.
    aligned: cols % 4 === 0 &&
      (registers
        ? !transposeLeft || rows % 4 === 0
        : leftRow % 4 === 0 && rightRow % 4 === 0),
  });
  // A flag that makes no difference is off, to compile fewer pipelines.
  const flags: Constants = {
    TRANSPOSE_RIGHT: Number(transposeRight),
    BIAS: Number(args.bias !== undefined),
    GELU: Number(args.keep !== undefined),
    SLOPE: Number(args.slope !== undefined),
    RESIDUAL: Number(args.residual !== undefined),
    SUM_LEFT: Number(args.sums !== undefined),
  };
  const u32 = [rows, cols, depth, tiles, count, chunk];
  const writes = [partial ?? output, side];
  const recorded = {
    workgroups: tileCount * count,
    label: `gemm ${transposeLeft ? "t" : "n"}${transposeRight ? "t" : "n"}`,
    cost: { flops: 2 * rows * cols * depth },
  };
  if (registers) {
    const matrix = (tensor: Tensor, width: number) =>
      matrixOf(program, tensor, width);
    const leftMatrix = matrix(left, leftRow);
    const rightMatrix = matrix(right, rightRow);
    const optional = (tensor?: Tensor) =>
      tensor === undefined ? undefined : matrix(tensor, cols);
    const residual = optional(args.residual);
    const slope = optional(args.slope);
    const unread = left.type === output.type ? leftMatrix : rightMatrix;
    program.dispatch(kernel, {
      ...recorded,
      uniforms: {
        u32: [
          ...u32,
          leftMatrix.layout.shift,
          rightMatrix.layout.shift,
          (residual ?? slope)?.layout.shift ?? 0,
        ],
      },
      textures: [
        leftMatrix,
        rightMatrix,
        optional(args.bias) ?? rightMatrix,
        residual ?? slope ?? unread,
        slope ?? residual ?? unread,
      ],
      buffers: writes,
      constants: flags,
    });
  } else {
    program.dispatch(kernel, {
      ...recorded,
      uniforms: { u32: [...u32, 0, 0, 0] },
      buffers: [
        left,
        right,
        args.bias ?? right,
        args.residual ?? args.slope ?? right,
        args.slope ?? args.residual ?? right,
        ...writes,
      ],
      constants: {
        ...flags,
        TRANSPOSE_LEFT: Number(transposeLeft),
        ROW_QUADS: tileRows / 4,
        LANES: tileRows,
      },
    });
  }
  if (side !== args.sums && side !== args.keep && side !== partialSums) {
    program.release(side);
  }
  if (partial !== undefined) addSplits(program, partial, output, count);
  if (partialSums !== undefined && args.sums !== undefined) {
    addSplits(program, partialSums, args.sums, count);
  }
}

/**
 * The epilogue reads and keeps values of the output's type, in `register` form only if
 * an operand is of that type too. What is summed over the depth is f32.
 */
function checkTypes(args: GemmArgs): void {
  const { left, right, output, keep, sums, split } = args;
  const read = [args.residual, args.slope].filter((it) => it !== undefined);
  const fits = [...read, ...(keep ? [keep] : [])]
    .every(({ type }) => type === output.type) &&
    (read.length === 0 || [left.type, right.type].includes(output.type)) &&
    ((sums === undefined && split !== true) || output.type === "f32") &&
    (sums === undefined || sums.type === "f32");
  if (fits) return;
  const given = Object.entries(args)
    .filter(([, value]) => typeof value === "object")
    .map(([name, { type }]) => `${name} ${type}`);
  throw new TypeError(`Cannot multiply tensors of types ${given.join(", ")}`);
}

function realType({ type, shape }: Tensor): RealType {
  if (type !== "u32") return type;
  throw new TypeError(`Cannot multiply a tensor [${shape}] of integers`);
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
