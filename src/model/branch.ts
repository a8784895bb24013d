import type { Program, Tensor } from "../gpu/mod.ts";
import {
  dropout,
  dropPath,
  dropPathBackward,
  linearForward,
} from "../ops/mod.ts";
import { tokensOf, type VitConfig } from "./vit_config.ts";

/** Random masks of a training pass; the masks are recomputed in backward. */
export interface Regularisation {
  /** Rate of the last block; earlier blocks get a linear share. */
  dropPath: number;
  /** Rate of dropout after the attention projection and in the MLP. */
  dropout: number;
  /** Rate of dropout behind the hidden layers of MLP heads. */
  headDropout: number;
  /** The per-step uniform. */
  step: Tensor;
  /** Position of each local image in the global batch, `[batch]`. */
  positions: Tensor;
}

/** Which block's branches are recorded. */
export interface BranchArgs {
  config: VitConfig;
  /** Of the block. */
  index: number;
  regularisation: Regularisation | undefined;
}

/** `residual + drop(input W^T + b)`, with the random masks where they apply. */
export function branchForward(
  program: Program,
  args: BranchArgs,
  linear: {
    branch: number;
    residual: Tensor;
    input: Tensor;
    weight: Tensor;
    bias: Tensor;
  },
): Tensor {
  const { residual, branch, ...rest } = linear;
  const output = program.scratch(residual.shape, residual.type);
  const masks = masksOf(args, branch);
  if (masks === undefined) {
    linearForward(program, { ...rest, output, residual });
    return output;
  }
  let x = program.scratch(residual.shape, residual.type);
  linearForward(program, { ...rest, output: x });
  if (masks.dropout.rate > 0) {
    const dropped = program.scratch(residual.shape, residual.type);
    dropout(program, { input: x, output: dropped, ...masks.dropout });
    program.release(x);
    x = dropped;
  }
  dropPath(program, { residual, branch: x, output, ...masks.dropPath });
  program.release(x);
  return output;
}

/** Gradient for the branch before its masks; `dOutput` itself when there are none. */
export function branchBackward(
  program: Program,
  args: BranchArgs,
  branch: number,
  dOutput: Tensor,
): Tensor {
  const masks = masksOf(args, branch);
  if (masks === undefined) return dOutput;
  const dBranch = program.scratch(dOutput.shape, dOutput.type);
  dropPathBackward(program, { dOutput, dBranch, ...masks.dropPath });
  if (masks.dropout.rate === 0) return dBranch;
  const dInput = program.scratch(dOutput.shape, dOutput.type);
  dropout(program, { input: dBranch, output: dInput, ...masks.dropout });
  program.release(dBranch);
  return dInput;
}

function masksOf(args: BranchArgs, branch: number) {
  const { regularisation, config, index } = args;
  if (regularisation === undefined) return undefined;
  const { step, positions, dropout: rate } = regularisation;
  const pathRate = config.depth < 2
    ? regularisation.dropPath
    : regularisation.dropPath * index / (config.depth - 1);
  if (rate === 0 && pathRate === 0) return undefined;
  const common = { step, positions, rowsPerImage: tokensOf(config) };
  // Salts keep the masks of branches apart; two per branch.
  const salt = 16 + 4 * index + 2 * branch;
  return {
    dropout: { ...common, rate, salt },
    dropPath: { ...common, rate: pathRate, salt: salt + 1 },
  };
}
