import {
  defineKernel,
  type Kernel,
  type KernelForm,
  type Program,
  shapeError,
  type Tensor,
} from "../gpu/mod.ts";
import texels from "./common/texels.wgsl" with { type: "text" };
import forwardRegister from "./attention_forward_register.wgsl" with {
  type: "text",
};
import forwardTiled from "./attention_forward_tiled.wgsl" with { type: "text" };
import heads from "./attention_heads.wgsl" with { type: "text" };
import keyRegister from "./attention_key_gradient_register.wgsl" with {
  type: "text",
};
import keyTiled from "./attention_key_gradient_tiled.wgsl" with {
  type: "text",
};
import scalar from "./attention_operands_scalar.wgsl" with { type: "text" };
import texture from "./attention_operands_texture.wgsl" with { type: "text" };
import vec4 from "./attention_operands_vec4.wgsl" with { type: "text" };
import queryRegister from "./attention_query_gradient_register.wgsl" with {
  type: "text",
};
import queryTiled from "./attention_query_gradient_tiled.wgsl" with {
  type: "text",
};

const MAX_HEAD_DIM = 128;

/** The three kernels of a form, for one layout of the operands. */
interface Kernels {
  readonly forward: Kernel;
  readonly queryGradient: Kernel;
  readonly keyGradient: Kernel;
}

const register = define("register", [texels, texture], {
  forward: forwardRegister,
  query: queryRegister,
  key: keyRegister,
});
const TILED = { forward: forwardTiled, query: queryTiled, key: keyTiled };

/** For head dimensions that are multiples of 4, and others. */
const KERNELS: Record<KernelForm, { aligned: Kernels; unaligned: Kernels }> = {
  register: { aligned: register, unaligned: register },
  tiled: {
    aligned: define("tiled", [vec4], TILED),
    unaligned: define("tiled_scalar", [scalar], TILED),
  },
};

/** Rows of a head that one workgroup handles. */
const ROWS: Record<KernelForm, number> = { register: 24, tiled: 64 };

/** Arguments of {@linkcode attentionForward}. */
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
  program.dispatch(plan.kernels.forward, {
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
  const deltas = program.scratch(logSumExp.shape);
  program.dispatch(plan.kernels.queryGradient, {
    ...plan.dispatch,
    ...read(program, [qkv, dOutput, output], [logSumExp, dQkv, deltas]),
    cost: { flops: 3 * plan.product },
  });
  program.dispatch(plan.kernels.keyGradient, {
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
  const blocks = { BLOCKS: 2 ** Math.ceil(Math.log2(Math.ceil(headDim / 16))) };
  const groups = Math.ceil(tokens / ROWS[form]);
  return {
    /** Operations of one product of scores: `tokens x tokens x head dim` for each head. */
    product: 2 * batch * heads * tokens * tokens * headDim,
    kernels: KERNELS[form][aligned ? "aligned" : "unaligned"],
    dispatch: {
      uniforms: {
        u32: [batch, tokens, heads, headDim, groups],
        f32: [1 / Math.sqrt(headDim)],
      },
      constants: form === "register"
        ? { ...blocks, ALIGNED: Number(aligned) }
        : blocks,
      workgroups: batch * heads * groups,
    },
  };
}

function define(
  end: string,
  operands: readonly string[],
  text: { forward: string; query: string; key: string },
): Kernels {
  const common = [heads, ...operands];
  return {
    forward: defineKernel(`attention_forward_${end}`, text.forward, common),
    queryGradient: defineKernel(
      `attention_query_gradient_${end}`,
      text.query,
      common,
    ),
    keyGradient: defineKernel(
      `attention_key_gradient_${end}`,
      text.key,
      common,
    ),
  };
}
