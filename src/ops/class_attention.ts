import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, defineRealKernel, shapeError } from "../gpu/mod.ts";
import backward from "./class_attention_backward.wgsl" with { type: "text" };
import map from "./class_attention_map.wgsl" with { type: "text" };
import scores from "./class_attention_scores.wgsl" with { type: "text" };
import weights from "./class_attention.wgsl" with { type: "text" };
import { realTypeOf } from "./real_type.ts";
import {
  defineRealRowKernel,
  defineRowKernel,
  dispatchRows,
} from "./row_kernel.ts";

const weightsKernel = defineRealRowKernel("class_attention", weights);
const mapKernel = defineKernel("class_attention_map", map);
const scoresKernel = defineRowKernel("class_attention_scores", scores);
const backwardKernel = defineRealKernel("class_attention_backward", backward);

/** Sizes of an attention layer. */
export interface ClassAttentionSizes {
  batch: number;
  tokens: number;
  heads: number;
  /** Tokens before the patches; the first is the class token. */
  prefix: number;
}

/** Arguments of {@linkcode classAttention}. */
export interface ClassAttentionArgs extends ClassAttentionSizes {
  /** `[batch * tokens, 3 dim]` */
  qkv: Tensor;
  /** Attention weights of the class token, `[batch * heads, tokens]`; backward reads them. */
  weights: Tensor;
  /** Logarithm of their mean over heads, for the patches: `[batch, patches]`. */
  map: Tensor;
}

/**
 * Records where the class token looks: its attention to the patches, a mean over the
 * heads, as logits, so that softmax makes a distribution over the patches of them.
 */
export function classAttention(
  program: Program,
  args: ClassAttentionArgs,
): void {
  const { qkv, batch, tokens, heads, prefix } = args;
  const { rows, headDim } = check("classAttention", args);
  const type = realTypeOf("classAttention", { qkv }, {
    weights: args.weights,
    map: args.map,
  });
  dispatchRows(program, weightsKernel[type], {
    rows,
    uniforms: {
      u32: [rows, tokens, heads, headDim],
      f32: [1 / Math.sqrt(headDim)],
    },
    buffers: [qkv, args.weights],
  });
  program.dispatch(mapKernel, {
    uniforms: { u32: [args.map.length, tokens, heads, prefix] },
    buffers: [args.weights, args.map],
    workgroups: Math.ceil(batch * (tokens - prefix) / 64),
  });
}

/** Records the gradient of {@linkcode classAttention}; adds to that of queries and keys. */
export function classAttentionBackward(
  program: Program,
  args: ClassAttentionArgs & {
    /** `[batch, patches]` */
    dMap: Tensor;
    /** Added to, `[batch * tokens, 3 dim]`. */
    dQkv: Tensor;
  },
): void {
  const { qkv, weights, map, dMap, dQkv, batch, tokens, heads, prefix } = args;
  const { rows, headDim } = check("classAttentionBackward", args);
  if (dMap.length !== map.length || dQkv.length !== qkv.length) {
    throw shapeError("classAttentionBackward", { map, dMap, qkv, dQkv });
  }
  const type = realTypeOf("classAttentionBackward", { qkv, dQkv }, {
    weights,
    map,
    dMap,
  });
  const dScores = program.scratch([rows, tokens]);
  dispatchRows(program, scoresKernel, {
    rows,
    uniforms: { u32: [rows, tokens, heads, prefix] },
    buffers: [weights, map, dMap, dScores],
  });
  program.dispatch(backwardKernel[type], {
    uniforms: {
      u32: [batch, tokens, heads, headDim],
      f32: [1 / Math.sqrt(headDim)],
    },
    buffers: [dScores, qkv, dQkv],
    workgroups: Math.ceil(batch * (tokens + 1) * heads * headDim / 64),
  });
  program.release(dScores);
}

function check(
  op: string,
  { qkv, weights, map, batch, tokens, heads, prefix }: ClassAttentionArgs,
): { rows: number; headDim: number } {
  const headDim = qkv.length / (3 * batch * tokens * heads);
  if (
    !Number.isInteger(headDim) || weights.length !== batch * heads * tokens ||
    map.length !== batch * (tokens - prefix)
  ) {
    throw shapeError(op, { qkv, weights, map });
  }
  return { rows: batch * heads, headDim };
}
