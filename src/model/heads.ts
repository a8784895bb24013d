import type { Program, Tensor } from "../gpu/mod.ts";
import { poolTokens, poolTokensBackward, scaleBy } from "../ops/mod.ts";
import type { Regularisation } from "./branch.ts";
import { headBackward, headForward, type HeadPass } from "./head_layers.ts";
import type { NamedTensors } from "./parameter_set.ts";
import type { Vit, VitActivations } from "./vit.ts";
import { type HeadName, prefixTokens, tokensOf } from "./vit_config.ts";

/** Which tokens a feature is the weighted sum of. */
export interface PoolWeights {
  class: number;
  distillation: number;
  /** Of the mean over patch tokens. */
  patches: number;
}

/** `student.feature` of the configuration. */
export type FeatureKind = "class" | "mean" | "both";

/** Class token, mean of patch tokens, or half of each. */
export function featureWeights(kind: FeatureKind): PoolWeights {
  const patches = { class: 0, mean: 1, both: 0.5 }[kind];
  return { class: 1 - patches, distillation: 0, patches };
}

const DISTILLATION_TOKEN: PoolWeights = {
  class: 0,
  distillation: 1,
  patches: 0,
};

/** A head's result with what its backward pass reads. */
export interface HeadOutput {
  /** What the head and relational losses see, `[batch, dim]`. */
  readonly feature: Tensor;
  /** `[batch, classes]`. */
  readonly logits: Tensor;
  readonly pass: HeadPass;
}

/** Features and logits of a batch: f32 with any precision, since little is cheap. */
export interface HeadActivations extends HeadOutput {
  /** Only of a distilled model: its distillation token and second head. */
  readonly distillation?: HeadOutput;
}

/**
 * Records pooling and heads.
 *
 * @param regularisation In training: masks of MLP heads.
 */
export function headsForward(
  program: Program,
  model: Vit,
  activations: VitActivations,
  kind: FeatureKind,
  regularisation?: Regularisation,
): HeadActivations {
  const { config } = model;
  const { batch } = activations;
  const head = (weights: PoolWeights, name: HeadName): HeadOutput => {
    const feature = program.scratch([batch, config.dim]);
    poolTokens(program, {
      tokens: activations.tokens,
      batch,
      prefix: prefixTokens(config),
      weights,
      output: feature,
    });
    const pass = headForward(program, model, { name, feature, regularisation });
    return { feature, logits: pass.logits, pass };
  };
  const first = head(featureWeights(kind), "head");
  return config.distilled
    ? { ...first, distillation: head(DISTILLATION_TOKEN, "head_dist") }
    : first;
}

/** Records what a model predicts: its logits, or the mean of both heads', as deployed DeiT does. */
export function predictedLogits(
  program: Program,
  { logits, distillation }: HeadActivations,
): Tensor {
  if (distillation === undefined) return logits;
  const output = program.scratch(logits.shape);
  scaleBy(program, { input: logits, output, scale: 0.5 });
  scaleBy(program, {
    input: distillation.logits,
    output,
    scale: 0.5,
    accumulate: true,
  });
  return output;
}

/** Gradients that {@linkcode headsBackward} starts from. */
export interface HeadGradients {
  dLogits?: Tensor;
  dDistillationLogits?: Tensor;
  /** Of losses on the feature itself; added to what comes from the logits. */
  dFeature?: Tensor;
  /** Of losses on all tokens after the final norm. */
  dTokens?: Tensor;
  /** Of losses on the class token's attention; not the heads' affair. */
  dClassAttention?: Tensor;
}

/** Records the gradients of the heads alone, for a frozen backbone. */
export function headWeightGradients(
  program: Program,
  model: Vit,
  { heads, gradients, losses }: {
    heads: HeadActivations;
    gradients: NamedTensors;
    losses: HeadGradients;
  },
): void {
  const { dLogits, dDistillationLogits } = losses;
  if (dLogits) {
    headBackward(program, model, { pass: heads.pass, dLogits, gradients });
  }
  if (dDistillationLogits && heads.distillation) {
    headBackward(program, model, {
      pass: heads.distillation.pass,
      dLogits: dDistillationLogits,
      gradients,
    });
  }
}

/**
 * Records the gradients of heads and pooling; returns the gradient for the
 * tokens after the final norm, `[batch * tokens, dim]`.
 */
export function headsBackward(
  program: Program,
  model: Vit,
  options: {
    heads: HeadActivations;
    kind: FeatureKind;
    batch: number;
    gradients: NamedTensors;
    losses: HeadGradients;
  },
): Tensor {
  const { heads, kind, batch, gradients, losses } = options;
  const { config, parameters } = model;
  const sources: { dPooled: Tensor; weights: PoolWeights }[] = [];
  const scratch: Tensor[] = [];
  if (losses.dLogits) {
    const dPooled = program.scratch([batch, config.dim]);
    headBackward(program, model, {
      pass: heads.pass,
      dLogits: losses.dLogits,
      gradients,
      dFeature: { output: dPooled, residual: losses.dFeature },
    });
    scratch.push(dPooled);
    sources.push({ dPooled, weights: featureWeights(kind) });
  } else if (losses.dFeature) {
    sources.push({ dPooled: losses.dFeature, weights: featureWeights(kind) });
  }
  if (losses.dDistillationLogits && heads.distillation) {
    const dPooled = program.scratch([batch, config.dim]);
    headBackward(program, model, {
      pass: heads.distillation.pass,
      dLogits: losses.dDistillationLogits,
      gradients,
      dFeature: { output: dPooled },
    });
    scratch.push(dPooled);
    sources.push({ dPooled, weights: DISTILLATION_TOKEN });
  }
  if (sources.length === 0) {
    // Only a loss on tokens: nothing pooled, so its gradient is the whole.
    if (losses.dTokens) return losses.dTokens;
    throw new Error("Cannot record backward: no loss has a gradient");
  }
  const dTokens = program.scratch(
    [batch * tokensOf(config), config.dim],
    parameters.precision,
  );
  poolTokensBackward(program, {
    gradients: sources,
    ...(losses.dTokens ? { extra: losses.dTokens } : {}),
    batch,
    prefix: prefixTokens(config),
    dTokens,
  });
  program.release(...scratch);
  return dTokens;
}
