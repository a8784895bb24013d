import type { Program, Tensor } from "../gpu/mod.ts";
import {
  assembleTokens,
  assembleTokensBackward,
  layerNormBackward,
  layerNormForward,
  linearForward,
  linearWeightGradient,
} from "../ops/mod.ts";
import {
  blockActivations,
  blockBackward,
  blockForward,
  type BlockKept,
  type ClassAttention,
} from "./block.ts";
import type { Regularisation } from "./branch.ts";
import type { NamedTensors, ParameterSet } from "./parameter_set.ts";
import { gridOf, tokensOf, type VitConfig } from "./vit_config.ts";

/** A model: its size and where its parameters are. */
export interface Vit {
  readonly config: VitConfig;
  readonly parameters: ParameterSet;
}

/** What {@linkcode vitForward} leaves for {@linkcode vitBackward}. */
export interface VitActivations {
  readonly batch: number;
  /** Output of the final norm, `[batch * tokens, dim]`. */
  readonly tokens: Tensor;
  /** Of the last block, where it was asked for. */
  readonly classAttention?: ClassAttention;
  /** Absent after a forward pass for inference. */
  readonly kept?: {
    readonly patches: Tensor;
    /** With `recompute` only the input of each block. */
    readonly blocks: readonly (BlockKept | Tensor)[];
    readonly last: Tensor;
    readonly mean: Tensor;
    readonly rstd: Tensor;
    readonly regularisation: Regularisation | undefined;
  };
}

/** Options of {@linkcode vitForward}. */
export interface VitForwardOptions {
  /** Rows of patches, `[batch * grid * grid, 3 * patch * patch]`, already normalised, of the parameters' precision. */
  patches: Tensor;
  batch: number;
  /** Keep what backward needs; otherwise intermediate buffers are reused at once. */
  keep: boolean;
  /**
   * Keep only each block's input and run the block again in backward: the same
   * gradients bit for bit, less memory, about a quarter more arithmetic.
   */
  recompute?: boolean;
  regularisation?: Regularisation;
  /** Records where the class token of the last block looks. */
  classAttention?: boolean;
  /** Called with the embedded tokens and each block's output while they are valid. */
  onTokens?: (name: string, tokens: Tensor) => void;
}

/** Records the forward pass up to the final norm. */
export function vitForward(
  program: Program,
  { config, parameters }: Vit,
  options: VitForwardOptions,
): VitActivations {
  const { patches, batch, keep, regularisation, onTokens } = options;
  const recompute = keep && options.recompute === true;
  const { dim } = config;
  const tokens = tokensOf(config);
  const rows = batch * tokens;
  const patchWidth = 3 * config.patch ** 2;

  const type = parameters.precision;
  const embedded = program.scratch([batch * gridOf(config) ** 2, dim], type);
  linearForward(program, {
    input: patches,
    weight: parameters.weight("patch_embed.proj.weight", [dim, patchWidth]),
    bias: parameters.get("patch_embed.proj.bias"),
    output: embedded,
  });
  let x = program.scratch([rows, dim], type);
  assembleTokens(program, {
    patches: embedded,
    classToken: parameters.get("cls_token", [dim]),
    ...(config.distilled
      ? { distillationToken: parameters.get("dist_token", [dim]) }
      : {}),
    positions: parameters.get("pos_embed", [tokens * dim]),
    output: x,
  });
  program.release(embedded);
  onTokens?.("embed", x);

  const blocks: (BlockKept | Tensor)[] = [];
  let looks: ClassAttention | undefined;
  for (let i = 0; i < config.depth; i++) {
    const { output, kept, classAttention } = blockForward(program, {
      input: x,
      parameters,
      config,
      index: i,
      batch,
      keep: keep && !recompute,
      regularisation,
      classAttention: options.classAttention === true &&
        i === config.depth - 1,
    });
    looks = classAttention;
    if (kept !== undefined) blocks.push(kept);
    else if (recompute) blocks.push(x);
    else program.release(x);
    x = output;
    onTokens?.(`block.${i}`, x);
  }

  // A backward pass that runs blocks again records it again.
  if (looks && (!keep || recompute)) program.release(looks.weights);

  const output = program.scratch([rows, dim], type);
  const mean = program.scratch([rows]);
  const rstd = program.scratch([rows]);
  layerNormForward(program, {
    input: x,
    gamma: parameters.get("norm.weight"),
    beta: parameters.get("norm.bias"),
    output,
    mean,
    rstd,
    epsilon: config.epsilon,
  });
  if (keep) {
    return {
      batch,
      tokens: output,
      ...(looks ? { classAttention: looks } : {}),
      kept: { patches, blocks, last: x, mean, rstd, regularisation },
    };
  }
  program.release(x, mean, rstd);
  return {
    batch,
    tokens: output,
    ...(looks ? { classAttention: looks } : {}),
  };
}

/** Options of {@linkcode vitBackward}. */
export interface VitBackwardOptions {
  activations: VitActivations;
  /** Gradient for `activations.tokens`. Released when used. */
  dTokens: Tensor;
  /** Gradient for `activations.classAttention.map`. */
  dClassAttention?: Tensor | undefined;
  /** Overwritten. */
  gradients: NamedTensors;
  /** Called when the gradients of a group of parameters are recorded: `norm`, `blocks.i`, last first, then `embeddings`. */
  onGradients?: (group: string) => void;
}

/** Records the backward pass; needs a forward pass with `keep`. */
export function vitBackward(
  program: Program,
  { config, parameters }: Vit,
  options: VitBackwardOptions,
): void {
  const { activations, dTokens, gradients, onGradients } = options;
  const { batch, kept } = activations;
  if (kept === undefined) {
    throw new Error("Cannot record backward: the forward pass kept nothing");
  }
  const { dim } = config;
  const tokens = tokensOf(config);
  const type = parameters.precision;
  let dX = program.scratch([batch * tokens, dim], type);
  layerNormBackward(program, {
    input: kept.last,
    gamma: parameters.get("norm.weight"),
    mean: kept.mean,
    rstd: kept.rstd,
    dOutput: dTokens,
    dInput: dX,
    dGamma: gradients.get("norm.weight"),
    dBeta: gradients.get("norm.bias"),
  });
  program.release(dTokens, kept.mean, kept.rstd, activations.tokens, kept.last);
  onGradients?.("norm");

  for (let i = config.depth - 1; i >= 0; i--) {
    const looks = i === config.depth - 1 ? options.dClassAttention : undefined;
    const block = {
      parameters,
      config,
      index: i,
      batch,
      regularisation: kept.regularisation,
    };
    const saved = kept.blocks[i]!;
    dX = blockBackward(program, {
      ...block,
      dOutput: dX,
      kept: "buffer" in saved
        ? blockActivations(program, {
          ...block,
          input: saved,
          keep: true,
          classAttention: looks !== undefined,
        })
        : saved,
      gradients,
      ...(looks ? { dClassAttention: looks } : {}),
    });
    onGradients?.(`blocks.${i}`);
  }

  const dPatches = program.scratch([batch * gridOf(config) ** 2, dim], type);
  assembleTokensBackward(program, {
    dTokens: dX,
    dPatches,
    dClassToken: gradients.get("cls_token", [dim]),
    ...(config.distilled
      ? { dDistillationToken: gradients.get("dist_token", [dim]) }
      : {}),
    dPositions: gradients.get("pos_embed", [tokens * dim]),
  });
  linearWeightGradient(program, {
    input: kept.patches,
    dOutput: dPatches,
    dWeight: gradients.get("patch_embed.proj.weight", [
      dim,
      3 * config.patch ** 2,
    ]),
    dBias: gradients.get("patch_embed.proj.bias"),
  });
  program.release(dX, dPatches);
  onGradients?.("embeddings");
}
