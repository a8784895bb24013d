import {
  type KernelForm,
  type Program,
  shapeError,
  type Tensor,
} from "../gpu/mod.ts";
import { attentionKernel, type AttentionPass } from "./attention_kernels.ts";
import { realTypeOf } from "./real_type.ts";

const MAX_HEAD_DIM = 128;

/** Invocations of a workgroup, as in the kernels. */
const LANES: Record<KernelForm, number> = { register: 8, tiled: 64 };

/**
 * Rows of a head that one invocation owns. More of them serve each loaded row
 * better but take Mesa longer to compile: the gradient of keys, which sums twice as
 * much as the others, has fewer where version 25 takes above 5 s.
 */
function rowsOf(
  form: KernelForm,
  pass: AttentionPass,
  blocks: number,
): number {
  if (form === "tiled") return 1;
  const most = blocks > 4 ? 2 : 3;
  return pass === "key_gradient" && blocks > 3 ? most - 1 : most;
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
  program.dispatch(attentionKernel("forward", { ...plan.variant, type }), {
    ...plan.walk("forward"),
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
  program.dispatch(
    attentionKernel("query_gradient", { ...plan.variant, type }),
    {
      ...plan.walk("query_gradient"),
      ...read(program, [qkv, dOutput, output], [logSumExp, dQkv, deltas]),
      cost: { flops: 3 * plan.product },
    },
  );
  program.dispatch(attentionKernel("key_gradient", { ...plan.variant, type }), {
    ...plan.walk("key_gradient"),
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
  const blocks = Math.ceil(headDim / 16);
  return {
    /** Operations of one product of scores: `tokens x tokens x head dim` for each head. */
    product: 2 * batch * heads * tokens * tokens * headDim,
    variant: { form, headDim },
    /** How a pass goes over the rows of all heads. */
    walk(pass: AttentionPass) {
      const ownRows = rowsOf(form, pass, blocks);
      const groups = Math.ceil(tokens / (LANES[form] * ownRows));
      return {
        uniforms: {
          u32: [batch, tokens, heads, headDim, groups],
          f32: [1 / Math.sqrt(headDim)],
        },
        constants: { ROWS: ownRows },
        workgroups: batch * heads * groups,
      };
    },
  };
}
