import type { Program, Tensor } from "../gpu/mod.ts";
import {
  attentionBackward,
  attentionForward,
  classAttention,
  classAttentionBackward,
  layerNormBackward,
  layerNormForward,
  linearForward,
  linearInputGradient,
  linearWeightGradient,
} from "../ops/mod.ts";
import { type BranchArgs, branchBackward, branchForward } from "./branch.ts";
import type { NamedTensors, ParameterSet } from "./parameter_set.ts";
import { prefixTokens, tokensOf } from "./vit_config.ts";

/** Activations of one block that backward reads. */
export interface BlockKept {
  input: Tensor;
  mean1: Tensor;
  rstd1: Tensor;
  normed1: Tensor;
  qkv: Tensor;
  logSumExp: Tensor;
  attended: Tensor;
  middle: Tensor;
  mean2: Tensor;
  rstd2: Tensor;
  normed2: Tensor;
  slope: Tensor;
  hidden: Tensor;
  /** Where it was asked for. */
  classAttention?: ClassAttention;
}

/** Where the class token looks: see `classAttention` of the ops. */
export interface ClassAttention {
  /** Logarithm of the mean over heads, `[batch, patches]`. */
  map: Tensor;
  /** `[batch * heads, tokens]` */
  weights: Tensor;
}

interface BlockArgs extends BranchArgs {
  parameters: ParameterSet;
  batch: number;
  /** Records the class token's attention too. */
  classAttention?: boolean;
}

/**
 * `x += proj(attention(norm1 x)); x += fc2(gelu(fc1(norm2 x)))`.
 *
 * Without `keep` every buffer except the output is released; the input stays
 * the caller's.
 */
export function blockForward(
  program: Program,
  args: BlockArgs & { input: Tensor; keep: boolean },
): { output: Tensor; kept?: BlockKept; classAttention?: ClassAttention } {
  const kept = blockActivations(program, args);
  const get = (name: string) =>
    args.parameters.get(`blocks.${args.index}.${name}`);
  const output = branchForward(program, args, {
    branch: 1,
    residual: kept.middle,
    input: kept.hidden,
    weight: args.parameters.weight(`blocks.${args.index}.mlp.fc2.weight`),
    bias: get("mlp.fc2.bias"),
  });
  const attention = kept.classAttention
    ? { classAttention: kept.classAttention }
    : {};
  if (args.keep) return { output, kept, ...attention };
  program.release(kept.hidden, kept.middle);
  return { output, ...attention };
}

/**
 * All of a block but its last layer: what backward reads. Recorded a second time
 * in backward when only the block's input was kept.
 *
 * Without `keep` only `middle` and `hidden` stay valid.
 */
export function blockActivations(
  program: Program,
  args: BlockArgs & { input: Tensor; keep: boolean },
): BlockKept {
  const { input, parameters, config, index, batch, keep } = args;
  const { dim, heads, epsilon } = config;
  const tokens = tokensOf(config);
  const rows = batch * tokens;
  const get = (name: string) => parameters.get(`blocks.${index}.${name}`);
  const weight = (name: string) => parameters.weight(`blocks.${index}.${name}`);
  const type = parameters.precision;

  const mean1 = program.scratch([rows]);
  const rstd1 = program.scratch([rows]);
  const normed1 = program.scratch([rows, dim], type);
  layerNormForward(program, {
    input,
    gamma: get("norm1.weight"),
    beta: get("norm1.bias"),
    output: normed1,
    mean: mean1,
    rstd: rstd1,
    epsilon,
  });
  const qkv = program.scratch([rows, 3 * dim], type);
  linearForward(program, {
    input: normed1,
    weight: weight("attn.qkv.weight"),
    bias: get("attn.qkv.bias"),
    output: qkv,
  });
  if (!keep) program.release(normed1, mean1, rstd1);
  const attended = program.scratch([rows, dim], type);
  const logSumExp = program.scratch([batch, heads, tokens]);
  attentionForward(program, {
    qkv,
    output: attended,
    logSumExp,
    batch,
    tokens,
    heads,
  });
  const looks = args.classAttention
    ? recordClassAttention(program, args, qkv)
    : undefined;
  if (!keep) program.release(qkv, logSumExp);
  const middle = branchForward(program, args, {
    branch: 0,
    residual: input,
    input: attended,
    weight: weight("attn.proj.weight"),
    bias: get("attn.proj.bias"),
  });
  if (!keep) program.release(attended);

  const mean2 = program.scratch([rows]);
  const rstd2 = program.scratch([rows]);
  const normed2 = program.scratch([rows, dim], type);
  layerNormForward(program, {
    input: middle,
    gamma: get("norm2.weight"),
    beta: get("norm2.bias"),
    output: normed2,
    mean: mean2,
    rstd: rstd2,
    epsilon,
  });
  const slope = program.scratch([rows, 4 * dim], type);
  const hidden = program.scratch([rows, 4 * dim], type);
  linearForward(program, {
    input: normed2,
    weight: weight("mlp.fc1.weight"),
    bias: get("mlp.fc1.bias"),
    output: hidden,
    slope,
  });
  if (!keep) program.release(normed2, mean2, rstd2, slope);
  return {
    input,
    mean1,
    rstd1,
    normed1,
    qkv,
    logSumExp,
    attended,
    middle,
    mean2,
    rstd2,
    normed2,
    slope,
    hidden,
    ...(looks ? { classAttention: looks } : {}),
  };
}

function recordClassAttention(
  program: Program,
  { config, batch }: BlockArgs,
  qkv: Tensor,
): ClassAttention {
  const { heads } = config;
  const tokens = tokensOf(config);
  const prefix = prefixTokens(config);
  const weights = program.scratch([batch * heads, tokens]);
  const map = program.scratch([batch, tokens - prefix]);
  classAttention(program, { qkv, weights, map, batch, tokens, heads, prefix });
  return { weights, map };
}

/** Records the block's gradients; releases what was kept, and `dOutput`. Returns the gradient for its input. */
export function blockBackward(
  program: Program,
  args: BlockArgs & {
    dOutput: Tensor;
    kept: BlockKept;
    gradients: NamedTensors;
    /** Gradient for the class token's attention, where it was recorded. */
    dClassAttention?: Tensor;
  },
): Tensor {
  const { dOutput, kept, parameters, gradients, config, index, batch } = args;
  const { dim, heads } = config;
  const tokens = tokensOf(config);
  const rows = batch * tokens;
  const get = (name: string) => parameters.get(`blocks.${index}.${name}`);
  const weight = (name: string) => parameters.weight(`blocks.${index}.${name}`);
  const type = parameters.precision;
  const grad = (name: string) => gradients.get(`blocks.${index}.${name}`);

  const dMlp = branchBackward(program, args, 1, dOutput);
  linearWeightGradient(program, {
    input: kept.hidden,
    dOutput: dMlp,
    dWeight: grad("mlp.fc2.weight"),
    dBias: grad("mlp.fc2.bias"),
  });
  const dHidden = program.scratch([rows, 4 * dim], type);
  linearInputGradient(program, {
    dOutput: dMlp,
    weight: weight("mlp.fc2.weight"),
    dInput: dHidden,
    slope: kept.slope,
  });
  if (dMlp !== dOutput) program.release(dMlp);
  program.release(kept.hidden, kept.slope);
  linearWeightGradient(program, {
    input: kept.normed2,
    dOutput: dHidden,
    dWeight: grad("mlp.fc1.weight"),
    dBias: grad("mlp.fc1.bias"),
  });
  const dNormed2 = program.scratch([rows, dim], type);
  linearInputGradient(program, {
    dOutput: dHidden,
    weight: weight("mlp.fc1.weight"),
    dInput: dNormed2,
  });
  program.release(dHidden, kept.normed2);
  const dMiddle = program.scratch([rows, dim], type);
  layerNormBackward(program, {
    input: kept.middle,
    gamma: get("norm2.weight"),
    mean: kept.mean2,
    rstd: kept.rstd2,
    dOutput: dNormed2,
    dInput: dMiddle,
    residual: dOutput,
    dGamma: grad("norm2.weight"),
    dBeta: grad("norm2.bias"),
  });
  program.release(dNormed2, dOutput, kept.middle, kept.mean2, kept.rstd2);

  const dAttention = branchBackward(program, args, 0, dMiddle);
  linearWeightGradient(program, {
    input: kept.attended,
    dOutput: dAttention,
    dWeight: grad("attn.proj.weight"),
    dBias: grad("attn.proj.bias"),
  });
  const dAttended = program.scratch([rows, dim], type);
  linearInputGradient(program, {
    dOutput: dAttention,
    weight: weight("attn.proj.weight"),
    dInput: dAttended,
  });
  if (dAttention !== dMiddle) program.release(dAttention);
  const dQkv = program.scratch([rows, 3 * dim], type);
  attentionBackward(program, {
    qkv: kept.qkv,
    output: kept.attended,
    logSumExp: kept.logSumExp,
    dOutput: dAttended,
    dQkv,
    batch,
    tokens,
    heads,
  });
  if (args.dClassAttention && kept.classAttention) {
    classAttentionBackward(program, {
      ...kept.classAttention,
      qkv: kept.qkv,
      dMap: args.dClassAttention,
      dQkv,
      batch,
      tokens,
      heads,
      prefix: prefixTokens(config),
    });
  }
  program.release(dAttended, kept.qkv, kept.attended, kept.logSumExp);
  linearWeightGradient(program, {
    input: kept.normed1,
    dOutput: dQkv,
    dWeight: grad("attn.qkv.weight"),
    dBias: grad("attn.qkv.bias"),
  });
  const dNormed1 = program.scratch([rows, dim], type);
  linearInputGradient(program, {
    dOutput: dQkv,
    weight: weight("attn.qkv.weight"),
    dInput: dNormed1,
  });
  program.release(dQkv, kept.normed1);
  const dInput = program.scratch([rows, dim], type);
  layerNormBackward(program, {
    input: kept.input,
    gamma: get("norm1.weight"),
    mean: kept.mean1,
    rstd: kept.rstd1,
    dOutput: dNormed1,
    dInput,
    residual: dMiddle,
    dGamma: grad("norm1.weight"),
    dBeta: grad("norm1.bias"),
  });
  program.release(dNormed1, dMiddle, kept.input, kept.mean1, kept.rstd1);
  return dInput;
}
