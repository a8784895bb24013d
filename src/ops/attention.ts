import {
  defineRealKernel,
  type Kernel,
  type KernelForm,
  type Program,
  type RealType,
  shapeError,
  type Tensor,
} from "../gpu/mod.ts";
import { realTypeOf } from "./real_type.ts";
import joined from "./common/joined_texels.wgsl" with { type: "text" };
import forward from "./attention_forward.wgsl" with { type: "text" };
import heads from "./attention_heads.wgsl" with { type: "text" };
import keyGradient from "./attention_key_gradient.wgsl" with { type: "text" };
import scalar from "./attention_operands_scalar.wgsl" with { type: "text" };
import texture from "./attention_operands_texture.wgsl" with { type: "text" };
import vec4 from "./attention_operands_vec4.wgsl" with { type: "text" };
import queryGradient from "./attention_query_gradient.wgsl" with {
  type: "text",
};
import rows from "./attention_rows.wgsl" with { type: "text" };
import storesAligned from "./attention_stores_aligned.wgsl" with {
  type: "text",
};
import storesAny from "./attention_stores_any.wgsl" with { type: "text" };
import streamRegister from "./attention_stream_register.wgsl" with {
  type: "text",
};
import streamTiled from "./attention_stream_tiled.wgsl" with { type: "text" };

const MAX_HEAD_DIM = 128;

/** The three kernels of a form, for one layout of the operands. */
interface Kernels {
  readonly forward: Record<RealType, Kernel>;
  readonly queryGradient: Record<RealType, Kernel>;
  readonly keyGradient: Record<RealType, Kernel>;
}

/** For head dimensions that are multiples of 4, and others. */
const KERNELS: Record<KernelForm, { aligned: Kernels; unaligned: Kernels }> = {
  register: {
    aligned: define("register", [
      storesAligned,
      joined,
      texture,
      streamRegister,
    ]),
    unaligned: define("register_any", [
      storesAny,
      joined,
      texture,
      streamRegister,
    ]),
  },
  tiled: {
    aligned: define("tiled", [storesAligned, vec4, streamTiled]),
    unaligned: define("tiled_any", [storesAny, scalar, streamTiled]),
  },
};

/** Invocations of a workgroup, as in the kernels. */
const LANES: Record<KernelForm, number> = { register: 8, tiled: 64 };

/**
 * Rows of a head that one invocation owns. More of them serve each loaded row
 * better but take Mesa longer to compile, from some point on without end.
 */
function rowsOf(form: KernelForm, blocks: number): number {
  if (form === "tiled") return 1;
  return blocks > 4 ? 2 : 3;
}

/** Arguments of {@linkcode attentionForward}; activations of one type, `logSumExp` is f32. */
export interface AttentionForwardArgs {
  /** `[batch * tokens, 3 * dim]`: q, k, v, each head by head. */
  qkv: Tensor;
  /** `[batch * tokens, dim]` */
  output: Tensor;
  /** `[batch, heads, tokens]`, kept for the backward pass. */
  logSumExp: Tensor;
  batch: number;
  tokens: number;
  heads: number;
}

/** Records `output = softmax(q k^T / sqrt(head dim)) v` per head. */
export function attentionForward(
  program: Program,
  args: AttentionForwardArgs,
): void {
  const { qkv, output, logSumExp } = args;
  const plan = planOf(program, args, "attentionForward", {
    qkv,
    output,
    logSumExp,
  });
  const type = realTypeOf("attentionForward", { qkv, output }, { logSumExp });
  program.dispatch(plan.kernels.forward[type], {
    ...plan.dispatch,
    ...read(program, [qkv], [output, logSumExp]),
    cost: { flops: 2 * plan.product },
  });
}

/** Arguments of {@linkcode attentionBackward}; shapes as in forward. */
export interface AttentionBackwardArgs extends AttentionForwardArgs {
  dOutput: Tensor;
  dQkv: Tensor;
}

/** Records the gradient of {@linkcode attentionForward}; `dQkv` is overwritten. */
export function attentionBackward(
  program: Program,
  args: AttentionBackwardArgs,
): void {
  const { qkv, output, logSumExp, dOutput, dQkv } = args;
  const tensors = { qkv, output, logSumExp, dOutput, dQkv };
  const plan = planOf(program, args, "attentionBackward", tensors);
  if (dOutput.length !== output.length || dQkv.length !== qkv.length) {
    throw shapeError("attentionBackward", tensors);
  }
  const type = realTypeOf(
    "attentionBackward",
    { qkv, output, dOutput, dQkv },
    { logSumExp },
  );
  const deltas = program.scratch(logSumExp.shape);
  program.dispatch(plan.kernels.queryGradient[type], {
    ...plan.dispatch,
    ...read(program, [qkv, dOutput, output], [logSumExp, dQkv, deltas]),
    cost: { flops: 3 * plan.product },
  });
  program.dispatch(plan.kernels.keyGradient[type], {
    ...plan.dispatch,
    ...read(program, [qkv, dOutput], [logSumExp, deltas, dQkv]),
    cost: { flops: 4 * plan.product },
  });
  program.release(deltas);
}

/** Binds the operands as textures in register form. */
function read(
  program: Program,
  operands: readonly Tensor[],
  buffers: readonly Tensor[],
): { textures?: readonly Tensor[]; buffers: readonly Tensor[] } {
  return program.device.form === "register"
    ? { textures: operands, buffers }
    : { buffers: [...operands, ...buffers] };
}

function planOf(
  program: Program,
  { qkv, output, logSumExp, batch, tokens, heads }: AttentionForwardArgs,
  op: string,
  tensors: Record<string, Tensor>,
) {
  const rows = batch * tokens;
  const dim = output.length / rows;
  const headDim = dim / heads;
  if (
    !Number.isInteger(headDim) || qkv.length !== rows * 3 * dim ||
    logSumExp.length !== rows * heads
  ) {
    throw shapeError(op, tensors);
  }
  if (headDim > MAX_HEAD_DIM) {
    throw new RangeError(
      `Cannot record ${op}: the head dimension is ${headDim}, at most ${MAX_HEAD_DIM}`,
    );
  }
  const { form } = program.device;
  const aligned = headDim % 4 === 0;
  const blocks = Math.ceil(headDim / 16);
  const ownRows = rowsOf(form, blocks);
  const groups = Math.ceil(tokens / (LANES[form] * ownRows));
  return {
    /** Operations of one product of scores: `tokens x tokens x head dim` for each head. */
    product: 2 * batch * heads * tokens * tokens * headDim,
    kernels: KERNELS[form][aligned ? "aligned" : "unaligned"],
    dispatch: {
      uniforms: {
        u32: [batch, tokens, heads, headDim, groups],
        f32: [1 / Math.sqrt(headDim)],
      },
      constants: {
        BLOCKS: blocks,
        ROWS: ownRows,
        ...(form === "register"
          ? { WHOLE: Number([16, 32, 64, 128].includes(headDim)) }
          : {}),
      },
      workgroups: batch * heads * groups,
    },
  };
}

function define(end: string, parts: readonly string[]): Kernels {
  const common = [heads, ...parts, rows];
  return {
    forward: defineRealKernel(`attention_forward_${end}`, forward, common),
    queryGradient: defineRealKernel(
      `attention_query_gradient_${end}`,
      queryGradient,
      common,
    ),
    keyGradient: defineRealKernel(
      `attention_key_gradient_${end}`,
      keyGradient,
      common,
    ),
  };
}
